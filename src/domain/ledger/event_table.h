/* Every event type: EVENT(enum name, wire name, what it says). */
// clang-format off
EVENT(MESSAGE_RECEIVED,     "message.received",     "A customer wrote.")
EVENT(MESSAGE_SENT,         "message.sent",         "The assistant, an agent or the system wrote.")
EVENT(MESSAGE_STATUS,       "message.status",       "Messages up to one were delivered or read.")
EVENT(CONVERSATION_CREATED, "conversation.created", "A conversation began.")
EVENT(CONVERSATION_UPDATED, "conversation.updated", "Status, assignee or another field of a conversation changed.")
EVENT(CONVERSATION_CLOSED,  "conversation.closed",  "A conversation was closed.")
EVENT(HANDOVER_REQUESTED,   "handover.requested",   "The assistant asks a person to take over.")
EVENT(TURN_COMPLETED,       "turn.completed",       "An assistant turn ended, with a reply or a reason for silence.")
EVENT(TURN_FAILED,          "turn.failed",          "An assistant turn could not be completed.")
EVENT(DOCUMENT_UPLOADED,    "document.uploaded",    "A document, or a new version of one, was stored.")
EVENT(DOCUMENT_READY,       "document.ready",       "A document can be searched.")
EVENT(DOCUMENT_FAILED,      "document.failed",      "A document could not be read.")
EVENT(DOCUMENT_STALE,       "document.stale",       "A document was marked as out of date.")
// clang-format on
