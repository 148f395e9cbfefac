# What the vault's processes may do in the transit engine mounted at larets/: use keys and make the first ones of a
# tenant. Not rotate, configure, trim, export, back up or delete. OpenBao and Stronghold read the same file.
path "larets/keys/+" {
  capabilities = ["create", "update", "read"]
}
path "larets/encrypt/+" {
  capabilities = ["update"]
}
path "larets/decrypt/+" {
  capabilities = ["update"]
}
path "larets/rewrap/+" {
  capabilities = ["update"]
}
path "larets/hmac/+" {
  capabilities = ["update"]
}
path "larets/sign/checkpoint" {
  capabilities = ["update"]
}
