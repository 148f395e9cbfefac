"""Who gets the relay's places: nobody more than their share, whoever waits longest first."""

from pii_vault.relay.queue import IN_PARALLEL, OF_A_DESTINATION, OF_A_SHOP, share_out


def test_one_destination_gets_its_share_and_no_more() -> None:
    assert share_out([(1, "mail")], [], room=IN_PARALLEL) == {(1, "mail"): OF_A_DESTINATION}
    assert share_out([(1, "mail")], [(1, "mail")] * OF_A_DESTINATION, room=IN_PARALLEL) == {}
    assert share_out([(1, "mail")], [(1, "mail")], room=IN_PARALLEL) == {(1, "mail"): OF_A_DESTINATION - 1}


def test_one_shop_gets_its_share_over_all_its_destinations() -> None:
    many = [(1, f"d{number}") for number in range(20)]
    assert sum(share_out(many, [], room=IN_PARALLEL).values()) == OF_A_SHOP
    shares = share_out([*many, (2, "mail")], [], room=IN_PARALLEL)
    assert shares[2, "mail"] == OF_A_DESTINATION


def test_places_go_round_the_longest_waiting_first() -> None:
    waiting = [(shop, "mail") for shop in range(1, 6)]
    assert share_out(waiting, [], room=3) == {(1, "mail"): 1, (2, "mail"): 1, (3, "mail"): 1}
    assert sum(share_out(waiting, [], room=IN_PARALLEL).values()) == 5 * OF_A_DESTINATION
    assert share_out(waiting, [], room=0) == {}
    assert share_out([], [], room=5) == {}
