# What one contour's administrator may do to open and seal that contour's state passphrase: use KEY, and nothing else in
# the engine mounted at larets-state/. It is a mount of its own: the vault's policy uses every key of larets/.
path "larets-state/encrypt/KEY" {
  capabilities = ["update"]
}
path "larets-state/decrypt/KEY" {
  capabilities = ["update"]
}
