-- Run once by a superuser. The extension belongs to crm_owner, a role without superuser rights: the workers run as it.
-- (CREATE EXTENSION wants a superuser, so crm_owner is one for just that statement.)

CREATE ROLE crm_owner LOGIN SUPERUSER;
SET ROLE crm_owner;
CREATE EXTENSION linecrm;
RESET ROLE;
ALTER ROLE crm_owner NOSUPERUSER;
CREATE EXTENSION pg_cron;

-- The people of this company: a data team, a marketer, the shop's web application, and the webhook receiver.
CREATE ROLE analyst LOGIN;
CREATE ROLE marketer LOGIN;
CREATE ROLE shop_app LOGIN;
CREATE ROLE receiver LOGIN;
GRANT USAGE ON SCHEMA shop TO analyst, marketer, shop_app, crm_owner;
GRANT SELECT ON shop.line_logins TO crm_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO analyst;
GRANT SELECT, INSERT, UPDATE ON shop.orders TO shop_app;
GRANT SELECT ON shop.members TO shop_app;
GRANT USAGE ON SCHEMA cron TO marketer;
