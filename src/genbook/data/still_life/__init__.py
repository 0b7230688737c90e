"""Still lifes."""
