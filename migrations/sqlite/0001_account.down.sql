DROP TABLE api_keys;
DROP TABLE tenants;
DROP TABLE tenant_slots;
