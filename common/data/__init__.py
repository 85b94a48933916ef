"""Pictures on their way into a network: read, bounded, sharded, augmented, drawn into batches."""
