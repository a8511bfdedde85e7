"""What happens, whoever's protocol it is told in: made up, numbered, or recorded. Pure."""
