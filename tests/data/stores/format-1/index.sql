BEGIN TRANSACTION;
CREATE TABLE dependency(run_id text not null, order_id text not null, primary key(run_id, order_id)) without rowid;
INSERT INTO "dependency" VALUES('iysk6k7n.1','bsnhfrnt');
CREATE TABLE job(
  run_id text primary key, priority integer not null default 0,
  state text not null check(state in ('queued','claimed','done')), resumed integer not null default 0,
  queued_at text not null, owner text, fence integer not null default 0, cancel integer not null default 0,
  held text, max_wait_s real, boot text, boot_s real, waiting text, waiting_until text);
INSERT INTO "job" VALUES('fws5v5e5.1',0,'done',0,'2026-11-22T23:41:54.932Z','e-f5aa6254',1,0,NULL,NULL,'00000000-0000-4000-8000-000000000000',18888.456701222,NULL,NULL);
INSERT INTO "job" VALUES('7ma3rdbx.1',0,'done',0,'2026-11-22T23:41:55.821Z','e-f5aa6254',1,0,NULL,NULL,'00000000-0000-4000-8000-000000000000',18889.348580333,NULL,NULL);
INSERT INTO "job" VALUES('kmnbgzwo.1',0,'done',0,'2026-11-22T23:41:56.721Z','e-f5aa6254',1,0,NULL,NULL,'00000000-0000-4000-8000-000000000000',18890.246209588,NULL,NULL);
INSERT INTO "job" VALUES('bqrqhtk2.1',0,'done',0,'2026-11-22T23:42:01.621Z',NULL,0,1,NULL,NULL,'00000000-0000-4000-8000-000000000000',18895.149017893,NULL,NULL);
INSERT INTO "job" VALUES('bsnhfrnt.1',5,'queued',0,'2026-11-22T23:42:02.969Z',NULL,0,0,NULL,NULL,'00000000-0000-4000-8000-000000000000',18896.496856292,NULL,NULL);
INSERT INTO "job" VALUES('teceq2yk.1',0,'queued',0,'2026-11-22T23:42:03.792Z',NULL,0,0,'held by olga@build-07: after the release',NULL,'00000000-0000-4000-8000-000000000000',18897.320780226,NULL,NULL);
INSERT INTO "job" VALUES('iysk6k7n.1',0,'queued',0,'2026-11-22T23:42:05.422Z',NULL,0,0,NULL,NULL,'00000000-0000-4000-8000-000000000000',18898.948603459,NULL,NULL);
CREATE TABLE run(
  id text primary key, order_id text not null, state text not null, result text, title text not null,
  repository text not null, agent text not null, iteration integer not null, max_iterations integer not null,
  levels text not null, now text not null, waiting text, error_type text, error text, tool_calls integer not null,
  tokens integer, cost_usd real, queued_at text not null, started_at text, completed_at text, updated_at text not null,
  engine text, fence integer not null, warnings integer not null, waiting_until text,
  retried integer not null default 0);
INSERT INTO "run" VALUES('7ma3rdbx.1','7ma3rdbx','failed','failed_build','crash at once','/home/operator/adder','command',1,2,'....','agent crash',NULL,'agent_crash','the agent exited with code 3 and did not finish its work; it failed 2 times',0,NULL,NULL,'2026-11-22T23:41:55.821Z','2026-11-22T23:41:57.831Z','2026-11-22T23:41:58.480Z','2026-11-22T23:41:58.486Z','e-f5aa6254',1,0,NULL,1);
INSERT INTO "run" VALUES('fws5v5e5.1','fws5v5e5','succeeded','passed','mend the sum','/home/operator/adder','scripted',2,3,'+++~','done',NULL,NULL,NULL,3,2350,0.03,'2026-11-22T23:41:54.932Z','2026-11-22T23:41:57.825Z','2026-11-22T23:41:59.572Z','2026-11-22T23:41:59.605Z','e-f5aa6254',1,0,NULL,0);
INSERT INTO "run" VALUES('kmnbgzwo.1','kmnbgzwo','failed','failed_verification','go in circles','/home/operator/adder','command',2,2,'+x..','test failed',NULL,'test_failed','L1/unit failed: exit 1, expected 0; first: src/adder.sh:1: error: the sum is wrong',0,NULL,NULL,'2026-11-22T23:41:56.721Z','2026-11-22T23:41:58.501Z','2026-11-22T23:41:59.631Z','2026-11-22T23:41:59.640Z','e-f5aa6254',1,0,NULL,0);
INSERT INTO "run" VALUES('bqrqhtk2.1','bqrqhtk2','canceled','canceled','not wanted any more','/home/operator/adder','command',0,3,'....','canceled',NULL,NULL,'canceled by olga@build-07: wrong branch',0,NULL,NULL,'2026-11-22T23:42:01.621Z',NULL,'2026-11-22T23:42:02.225Z','2026-11-22T23:42:02.225Z',NULL,0,0,NULL,0);
INSERT INTO "run" VALUES('bsnhfrnt.1','bsnhfrnt','queued',NULL,'wait for an engine','/home/operator/adder','command',0,3,'....','queued',NULL,NULL,NULL,0,NULL,NULL,'2026-11-22T23:42:02.969Z',NULL,NULL,'2026-11-22T23:42:02.969Z',NULL,0,0,NULL,0);
INSERT INTO "run" VALUES('teceq2yk.1','teceq2yk','queued',NULL,'held by the operator','/home/operator/adder','command',0,3,'....','queued',NULL,NULL,NULL,0,NULL,NULL,'2026-11-22T23:42:03.792Z',NULL,NULL,'2026-11-22T23:42:03.792Z',NULL,0,0,NULL,0);
INSERT INTO "run" VALUES('iysk6k7n.1','iysk6k7n','queued',NULL,'needs the other','/home/operator/adder','command',0,3,'....','queued',NULL,NULL,NULL,0,NULL,NULL,'2026-11-22T23:42:05.422Z',NULL,NULL,'2026-11-22T23:42:05.422Z',NULL,0,0,NULL,0);
CREATE TABLE setting(name text primary key, value text not null) without rowid;
INSERT INTO "setting" VALUES('capacity','50');
INSERT INTO "setting" VALUES('control_bytes','738');
INSERT INTO "setting" VALUES('pause','["moving house", "olga@build-07", "2026-11-22T23:42:06.655Z"]');
INSERT INTO "setting" VALUES('paused','the queue is paused by olga@build-07: moving house');
CREATE INDEX job_next on job(resumed desc, priority desc, queued_at, run_id) where state='queued';
CREATE INDEX job_claimed on job(owner) where state='claimed';
CREATE INDEX run_state on run(state, queued_at desc);
CREATE INDEX run_order on run(order_id);
CREATE INDEX run_completed on run(completed_at desc) where completed_at is not null;
CREATE VIEW unmet as
  select dependency.run_id, dependency.order_id, newest.state from dependency left join run newest on newest.id =
    (select id from run where order_id = dependency.order_id order by length(id) desc, id desc limit 1)
  where newest.result is not 'passed';
CREATE VIEW startable as
  select run_id, resumed, priority, queued_at from job where state='queued' and
    (resumed or (cancel=0 and held is null and not exists (select 1 from unmet where unmet.run_id = job.run_id)));
COMMIT;
PRAGMA user_version=2;
