"""Many tasks from one base: adapters and heads on disk, swapped, mixed in a batch, routed to."""
