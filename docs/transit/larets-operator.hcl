# What the operator's `larets keys` may do beside it: the one-way steps. Deleting and exporting stay with nobody.
path "larets/keys/+/rotate" {
  capabilities = ["update"]
}
path "larets/keys/+/config" {
  capabilities = ["create", "update"]
  denied_parameters = {
    "deletion_allowed"       = []
    "exportable"             = []
    "allow_plaintext_backup" = []
  }
}
path "larets/keys/+/trim" {
  capabilities = ["update"]
}
