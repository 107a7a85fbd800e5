-- notification: which rule of which policy a message came from, said again when it has been sent.

alter table notification.message add column policy text, add column rule text;
