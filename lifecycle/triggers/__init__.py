"""When training again pays: rules, and what they would have done."""
