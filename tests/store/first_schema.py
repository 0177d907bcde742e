"""The statements that made a store of version 1, as they were."""

from __future__ import annotations

WITHOUT_LATER_TABLES = (
    "DROP TABLE logs",
    "DROP TABLE aliases",
    "DROP TABLE replaced",
    "DELETE FROM counters WHERE name = 'log'",
    "DROP TABLE datasets",
    "DROP TABLE dataset_rows",
    "DROP TABLE review_queues",
    "DROP TABLE deleted",
    "DROP TABLE policies",
    "DROP TABLE registered",
    "DROP TABLE registered_aliases",
    "ALTER TABLE spans DROP COLUMN exception",
    "ALTER TABLE spans DROP COLUMN beside",
    "ALTER TABLE spans DROP COLUMN scope",
)

FIRST_SCHEMA = (
    "CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO counters VALUES ('seq', 0), ('trace', 0), ('chunk', 0), ('spans', 0), ('indexed_chunk', 0)",
    "CREATE TABLE experiments(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "INSERT INTO experiments VALUES (0, 'Default')",
    """CREATE TABLE traces(
        num INTEGER PRIMARY KEY,
        trace_id TEXT NOT NULL UNIQUE,
        seq INTEGER NOT NULL,
        experiment INTEGER NOT NULL,
        state TEXT NOT NULL,
        name TEXT,
        root_span TEXT,
        start INTEGER,
        duration INTEGER,
        next_position INTEGER NOT NULL,
        spans INTEGER NOT NULL,
        errors INTEGER NOT NULL,
        input_tokens INTEGER,
        output_tokens INTEGER,
        total_tokens INTEGER,
        usage TEXT,
        input_cost REAL,
        output_cost REAL,
        cost REAL,
        request_preview TEXT,
        response_preview TEXT,
        session TEXT,
        user TEXT,
        model_id TEXT,
        run_id TEXT,
        client_request_id TEXT,
        said TEXT,
        owner TEXT
    )""",
    "CREATE INDEX traces_start ON traces(start)",
    "CREATE INDEX traces_seq ON traces(seq)",
    "CREATE INDEX traces_experiment ON traces(experiment, start)",
    "CREATE INDEX traces_state ON traces(state, start) WHERE state <> 'OK'",
    "CREATE INDEX traces_session ON traces(session, start) WHERE session IS NOT NULL",
    "CREATE INDEX traces_user ON traces(user, start) WHERE user IS NOT NULL",
    "CREATE INDEX traces_model_id ON traces(model_id, start) WHERE model_id IS NOT NULL",
    "CREATE INDEX traces_run ON traces(run_id, start) WHERE run_id IS NOT NULL",
    """CREATE TABLE spans(
        id INTEGER PRIMARY KEY,
        span_id TEXT NOT NULL,
        parent_id TEXT,
        remote INTEGER NOT NULL,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        status TEXT NOT NULL,
        message TEXT,
        start INTEGER NOT NULL,
        duration INTEGER NOT NULL,
        model TEXT,
        request_model TEXT,
        provider TEXT,
        input_tokens INTEGER,
        output_tokens INTEGER,
        total_tokens INTEGER,
        usage TEXT,
        input_cost REAL,
        output_cost REAL,
        cost REAL,
        chunk INTEGER NOT NULL
    )""",
    """CREATE TABLE chunks(
        id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, first INTEGER NOT NULL, codec INTEGER NOT NULL,
        content BLOB NOT NULL
    )""",
    """CREATE TABLE running(
        trace INTEGER NOT NULL, span_id TEXT NOT NULL, parent_id TEXT, remote INTEGER NOT NULL, name TEXT NOT NULL,
        type TEXT NOT NULL, start INTEGER NOT NULL, owner TEXT, gone INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (trace, span_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX running_owner ON running(owner)",
    """CREATE TABLE labels(
        trace INTEGER NOT NULL, kind INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, start INTEGER,
        PRIMARY KEY (trace, kind, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX labels_find ON labels(kind, key, value, start, trace)",
    """CREATE TABLE assessments(
        id TEXT PRIMARY KEY, trace INTEGER NOT NULL, span_id TEXT, name TEXT NOT NULL, type TEXT NOT NULL,
        value TEXT NOT NULL, text TEXT, rationale TEXT, source TEXT NOT NULL, metadata TEXT NOT NULL,
        error TEXT, time INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX assessments_trace ON assessments(trace, type, name)",
    "CREATE INDEX assessments_name ON assessments(type, name, trace)",
    """CREATE TABLE attachments(digest TEXT PRIMARY KEY, mime TEXT NOT NULL, content BLOB NOT NULL)""",
    """CREATE TABLE attachment_uses(
        trace INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (trace, digest)
    ) WITHOUT ROWID""",
    "CREATE INDEX attachment_uses_digest ON attachment_uses(digest)",
    "CREATE TABLE processes(owner TEXT PRIMARY KEY, pid INTEGER, time INTEGER, resource TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE calls(
        hour INTEGER NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL, bucket INTEGER NOT NULL,
        calls INTEGER NOT NULL, errors INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
        cost REAL NOT NULL,
        priced INTEGER NOT NULL, PRIMARY KEY (hour, model, provider, bucket)
    ) WITHOUT ROWID""",
    "CREATE VIRTUAL TABLE texts USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2')",
    "CREATE VIRTUAL TABLE words USING fts5vocab(texts, 'row')",
)
