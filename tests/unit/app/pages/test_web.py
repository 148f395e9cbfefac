import pytest

from app.contacts.pages import pair_up
from app.kit.web import local_path
from tests.integration.app.support import token


@pytest.mark.parametrize("path", ["/", "/orders", "/orders?status=failed&cursor=x"])
def test_a_path_of_the_crm_stays(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "https://evil.example/", "//evil.example", "/\\evil.example", "/a\nb", "evil", "/я"]
)
def test_anything_else_leads_to_the_start(path: str) -> None:
    assert local_path(path) == "/"


def test_a_new_token_stands_for_the_old_one_of_its_class() -> None:
    phone, fresh, email = token("phone", 1), token("phone", 2), token("email", 1)
    changes = pair_up([fresh, email], [phone, token("name", 1)])
    assert [(change.new, change.old) for change in changes] == [(fresh, phone), (email, None)]
