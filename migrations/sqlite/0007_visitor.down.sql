DROP TABLE used_tickets;
DROP TABLE widgets;
DROP TABLE widget_keys;
