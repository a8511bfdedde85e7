"""What clients say and are told, as bytes and as types. Pure."""
