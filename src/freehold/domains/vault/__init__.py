"""What tools' APIs are shown instead of the caller's token: credentials, sealed until the last step."""
