BEGIN TRANSACTION;
CREATE TABLE job(
  seq integer primary key autoincrement, run_id text unique not null, priority integer not null default 0,
  state text not null check(state in ('queued','claimed','done')), resumed integer not null default 0,
  queued_at text not null, owner text, fence integer not null default 0, cancel integer not null default 0);
INSERT INTO "job" VALUES(1,'mkvjb4s4.1',0,'done',0,'2026-11-22T22:59:20.073Z','e-33404938',1,0);
INSERT INTO "job" VALUES(2,'a2bzzedb.1',0,'done',0,'2026-11-22T22:59:21.510Z','e-33404938',1,0);
INSERT INTO "job" VALUES(3,'vdbiek5y.1',0,'done',0,'2026-11-22T22:59:25.148Z',NULL,0,0);
INSERT INTO "job" VALUES(4,'3ze3dwjs.1',0,'queued',0,'2026-11-22T22:59:28.160Z',NULL,0,0);
CREATE TABLE run(
  id text primary key, order_id text not null, state text not null, result text, title text not null,
  repository text not null, agent text not null, iteration integer not null, max_iterations integer not null,
  levels text not null, now text not null, waiting text, error_type text, error text, tool_calls integer not null,
  tokens integer, cost_usd real, queued_at text not null, started_at text, completed_at text, updated_at text not null,
  engine text, fence integer not null, warnings integer not null);
INSERT INTO "run" VALUES('a2bzzedb.1','a2bzzedb','failed','failed_build','crash at once','/home/operator/adder','command',1,3,'....','agent crash',NULL,'agent_crash','the agent exited with code 3 and did not finish its work: The agent exited with 3.',0,NULL,NULL,'2026-11-22T22:59:21.510Z','2026-11-22T22:59:22.632Z','2026-11-22T22:59:23.235Z','2026-11-22T22:59:23.301Z','e-33404938',1,0);
INSERT INTO "run" VALUES('mkvjb4s4.1','mkvjb4s4','succeeded','passed','mend the sum','/home/operator/adder','command',2,3,'++..','done',NULL,NULL,NULL,0,NULL,NULL,'2026-11-22T22:59:20.073Z','2026-11-22T22:59:22.610Z','2026-11-22T22:59:24.003Z','2026-11-22T22:59:24.103Z','e-33404938',1,0);
INSERT INTO "run" VALUES('vdbiek5y.1','vdbiek5y','canceled','canceled','not wanted any more','/home/operator/adder','command',0,3,'....','canceled',NULL,NULL,'canceled by olga@build-07',0,NULL,NULL,'2026-11-22T22:59:25.148Z',NULL,'2026-11-22T22:59:26.718Z','2026-11-22T22:59:26.718Z',NULL,0,0);
INSERT INTO "run" VALUES('3ze3dwjs.1','3ze3dwjs','queued',NULL,'wait for an engine','/home/operator/adder','command',0,3,'....','queued',NULL,NULL,NULL,0,NULL,NULL,'2026-11-22T22:59:28.160Z',NULL,NULL,'2026-11-22T22:59:28.160Z',NULL,0,0);
CREATE INDEX job_ready on job(resumed desc, priority desc, seq) where state='queued';
CREATE INDEX run_state on run(state, queued_at desc);
CREATE INDEX run_order on run(order_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('job',4);
COMMIT;
PRAGMA user_version=1;
