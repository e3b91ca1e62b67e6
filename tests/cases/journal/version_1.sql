PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE content (id INTEGER PRIMARY KEY, family INTEGER NOT NULL, text TEXT NOT NULL);
INSERT INTO "content" VALUES(1,1,'"It is 2, as anybody can see who counts: one, and one more, makes two."');
CREATE TABLE event (
        run INTEGER NOT NULL,
        id INTEGER NOT NULL,
        type TEXT NOT NULL,
        body TEXT NOT NULL,
        field1 TEXT, content1 INTEGER,
        field2 TEXT, content2 INTEGER,
        checksum BLOB NOT NULL,
        PRIMARY KEY (run, id)
    ) WITHOUT ROWID;
INSERT INTO "event" VALUES(1,1,'run_started','{"id":1,"type":"run_started","ts":1700000001.0,"agent":null,"team":"pair","task":"What is 1 + 1?","parts":[],"seed":0,"topology_hash":"","version":"","continues":null,"team_hash":""}',NULL,NULL,NULL,NULL,X'5BD73FECAE9AA739');
INSERT INTO "event" VALUES(1,2,'model_call_started','{"id":2,"type":"model_call_started","ts":1700000002.0,"agent":"a","key":"old/main#1/a/1/0","model":"m","request_hash":"h","reserved":9,"reserved_usd":null}',NULL,NULL,NULL,NULL,X'07B45F074E5FF687');
INSERT INTO "event" VALUES(1,3,'model_call_finished','{"id":3,"type":"model_call_finished","ts":1700000003.0,"agent":"a","key":"old/main#1/a/1/0","model":"m","usage":{"input_tokens":3,"output_tokens":1,"cache_read_tokens":0,"cache_write_tokens":0,"reasoning_tokens":0,"model_calls":0,"cost_usd":0.0,"estimated":false},"tool_calls":[],"finish_reason":"stop","structured":null,"position":null,"extra":{},"cached":false,"error":null,"settled":null,"settled_usd":null,"seconds":0.0,"attempts":[]}','content',1,NULL,NULL,X'CDFC11E378FBE734');
INSERT INTO "event" VALUES(1,4,'run_ended','{"id":4,"type":"run_ended","ts":1700000004.0,"agent":null,"outcome":"completed","reason":"answered","answer":"2"}',NULL,NULL,NULL,NULL,X'7E02413C8952FE36');
INSERT INTO "event" VALUES(2,1,'run_started','{"id":1,"type":"run_started","ts":1700000001.0,"agent":null,"team":"pair","task":"What is 1 + 1?","parts":[],"seed":0,"topology_hash":"","version":"","continues":null,"team_hash":""}',NULL,NULL,NULL,NULL,X'5BD73FECAE9AA739');
INSERT INTO "event" VALUES(2,2,'model_call_started','{"id":2,"type":"model_call_started","ts":1700000002.0,"agent":"a","key":"old/main#1/a/1/0","model":"m","request_hash":"h","reserved":9,"reserved_usd":null}',NULL,NULL,NULL,NULL,X'07B45F074E5FF687');
INSERT INTO "event" VALUES(2,3,'model_call_finished','{"id":3,"type":"model_call_finished","ts":1700000003.0,"agent":"a","key":"old/main#1/a/1/0","model":"m","usage":{"input_tokens":3,"output_tokens":1,"cache_read_tokens":0,"cache_write_tokens":0,"reasoning_tokens":0,"model_calls":0,"cost_usd":0.0,"estimated":false},"tool_calls":[],"finish_reason":"stop","structured":null,"position":null,"extra":{},"cached":false,"error":null,"settled":null,"settled_usd":null,"seconds":0.0,"attempts":[]}','content',1,NULL,NULL,X'CDFC11E378FBE734');
INSERT INTO "event" VALUES(2,4,'run_resumed','{"id":4,"type":"run_resumed","ts":1700000004.0,"agent":null,"at":3,"parent":"old","added":{}}',NULL,NULL,NULL,NULL,X'C45E0E2BD2778D33');
CREATE TABLE run (
        number INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        family INTEGER,            -- number of the run from which it and its contents descend
        team TEXT NOT NULL,
        task TEXT NOT NULL,
        started REAL NOT NULL,
        made TEXT NOT NULL,
        team_hash TEXT NOT NULL,
        parent TEXT,
        at INTEGER,
        epoch INTEGER NOT NULL,    -- the fence: who holds an older one may not write
        holder TEXT NOT NULL,
        events INTEGER NOT NULL DEFAULT 0,
        outcome TEXT,
        reason TEXT NOT NULL DEFAULT '',
        questions INTEGER NOT NULL DEFAULT 0
    );
INSERT INTO "run" VALUES(1,'old',1,'pair','What is 1 + 1?',1700000000.0,'{"file": "pair.yaml"}','h1',NULL,NULL,1,'process 1 on somewhere',4,'completed','answered',0);
INSERT INTO "run" VALUES(2,'fork',1,'pair','What is 1 + 1?',1700000000.0,'{"file": "pair.yaml"}','h1','old',3,1,'process 1 on somewhere',4,NULL,'',0);
CREATE TABLE team (hash TEXT PRIMARY KEY, description TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "team" VALUES('h1','{"agents": ["a"]}');
CREATE TABLE word (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, body TEXT NOT NULL);
INSERT INTO "word" VALUES(1,'fork','{"id":0,"run_id":"","type":"stop_requested","ts":0.0,"agent":null,"outcome":"cancelled","reason":"enough","by":"somebody"}');
CREATE INDEX word_of_run ON word (run_id);
CREATE VIEW events (run_id, id, type, body) AS
        SELECT run.run_id, event.id, event.type, json_set(
            event.body, '$.run_id', run.run_id,
            '$.' || event.field1, json((SELECT text FROM content WHERE content.id = event.content1)),
            '$.' || event.field2, json((SELECT text FROM content WHERE content.id = event.content2))
        )
        FROM event JOIN run ON run.number = event.run;
COMMIT;
