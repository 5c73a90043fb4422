"""Ground floor: clock, ids, JSON, crypto, outbound HTTP, database, state. Knows nothing of tenants' business."""
