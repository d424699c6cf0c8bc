"""What of ours runs beside student code: nothing here is secret, and nothing here is believed."""
