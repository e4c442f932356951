DROP TABLE turn_passages;
DROP TABLE turn_messages;
DROP TABLE turns;
DROP TABLE policies;
DROP TABLE turn_texts;
