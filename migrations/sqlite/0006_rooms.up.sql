-- The events of one conversation, for those who follow it alone.

CREATE INDEX events_by_conversation ON events (tenant_id, conversation_id, seq) WHERE conversation_id IS NOT NULL;
