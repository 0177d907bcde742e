"""The schema of a new SQLite store; stores of older versions are brought to it by migrations.py.

Keys: a trace is numbered in the order of arrival (``num``); a span is ``num << POSITION_BITS | position``, so that the
spans of a trace are adjacent, need no index of their own, and number the rows of the full-text index.
A row of ``chunks`` is a block (blocks.py): the records of spans ``first``, ``first + 1``, … of one trace. A block with
a ``base`` is read together with that one. Columns that were added later are last, as ``ALTER TABLE`` puts them.
"""

from __future__ import annotations

from typing import Final

POSITION_BITS: Final = 24
POSITION_MASK: Final = (1 << POSITION_BITS) - 1

LABEL_TAG: Final = 0
LABEL_METADATA: Final = 1
LABEL_MODEL: Final = 2
LABEL_PROVIDER: Final = 3
LABEL_PROMPT: Final = 4
LABEL_FAILED_STEP: Final = 5
LABEL_EXCEPTION: Final = 6

TEXTS_TABLE: Final = "CREATE VIRTUAL TABLE {} USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2')"
SLICE_TABLE: Final = (
    "CREATE VIRTUAL TABLE {} USING fts5(text, content='', detail=none, columnsize=0,"
    " tokenize='unicode61 remove_diacritics 2')"
)
TERMS_TABLE: Final = "CREATE TABLE {}(term TEXT PRIMARY KEY) WITHOUT ROWID"
WORDS_TABLE: Final = "CREATE VIRTUAL TABLE {} USING fts5vocab({}, 'row')"

LOG_TABLES: Final = (
    # log records whose span has not come; an id is the number of bytes up to its end of all that ever waited
    """CREATE TABLE logs(
        id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, digest BLOB NOT NULL,
        received INTEGER NOT NULL,  -- ns
        record BLOB NOT NULL
    )""",
    "CREATE UNIQUE INDEX logs_span ON logs(trace_id, span_id, digest)",
    "CREATE INDEX logs_received ON logs(received)",
    # other ids by which log records name spans
    """CREATE TABLE aliases(
        trace INTEGER NOT NULL, alias TEXT NOT NULL, span_id TEXT NOT NULL, PRIMARY KEY (trace, alias)
    ) WITHOUT ROWID""",
    # replaced records in blocks: the span was written anew with the content of log records
    "CREATE TABLE replaced(id INTEGER PRIMARY KEY, chunk INTEGER NOT NULL)",
    "CREATE INDEX replaced_chunk ON replaced(chunk)",
)

DATASET_TABLES: Final = (
    """CREATE TABLE datasets(
        num INTEGER PRIMARY KEY, dataset_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        created INTEGER NOT NULL, updated INTEGER NOT NULL,  -- ns
        experiments TEXT NOT NULL,  -- JSON: names
        tags TEXT NOT NULL          -- JSON
    )""",
    """CREATE TABLE dataset_rows(
        num INTEGER PRIMARY KEY, dataset INTEGER NOT NULL, row_id TEXT NOT NULL,
        created INTEGER NOT NULL, updated INTEGER NOT NULL,  -- ns
        content BLOB NOT NULL       -- JSON: all else that the row has
    )""",
    "CREATE UNIQUE INDEX dataset_rows_id ON dataset_rows(dataset, row_id)",
    "CREATE INDEX dataset_rows_order ON dataset_rows(dataset, num)",
)

REVIEW_TABLES: Final = (
    """CREATE TABLE review_queues(
        queue_id TEXT PRIMARY KEY, name TEXT NOT NULL,
        created INTEGER NOT NULL, updated INTEGER NOT NULL,  -- ns
        content TEXT NOT NULL       -- JSON: all else that the queue has
    ) WITHOUT ROWID""",
)

DELETED_TABLES: Final = (
    # traces that were deleted lately: records of theirs that arrive late do not bring them back
    "CREATE TABLE deleted(trace_id TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID",  # ns
    "CREATE INDEX deleted_time ON deleted(time)",
    """CREATE TABLE policies(
        name TEXT PRIMARY KEY,
        created INTEGER NOT NULL, updated INTEGER NOT NULL,  -- ns
        content TEXT NOT NULL       -- JSON: all else that the policy has
    ) WITHOUT ROWID""",
)

REGISTERED_TABLES: Final = (
    # versions of prompts and of registered models, numbered from 1 in each name
    """CREATE TABLE registered(
        kind TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, created INTEGER NOT NULL,
        tags TEXT NOT NULL,         -- JSON
        content TEXT NOT NULL,      -- JSON
        PRIMARY KEY (kind, name, number)
    ) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX registered_id ON registered(kind, name, id)",
    # an alias that was taken away stays as a mark without an id, else an older record would bring it back
    """CREATE TABLE registered_aliases(
        kind TEXT NOT NULL, name TEXT NOT NULL, alias TEXT NOT NULL, id TEXT, time INTEGER NOT NULL,
        PRIMARY KEY (kind, name, alias)
    ) WITHOUT ROWID""",
)

SCHEMA: Final = (
    "CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    """INSERT INTO counters(name, value) VALUES
        ('seq', 0), ('trace', 0), ('chunk', 0), ('spans', 0), ('indexed_chunk', 0), ('log', 0)""",
    "CREATE TABLE experiments(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "INSERT INTO experiments(id, name) VALUES (0, 'Default')",
    """CREATE TABLE traces(
        num INTEGER PRIMARY KEY,
        trace_id TEXT NOT NULL UNIQUE,
        seq INTEGER NOT NULL,
        experiment INTEGER NOT NULL,
        state TEXT NOT NULL,
        name TEXT,
        root_span TEXT,
        start INTEGER,              -- ns; NULL until a span has come: such a trace is not listed
        duration INTEGER,           -- ns
        next_position INTEGER NOT NULL,
        spans INTEGER NOT NULL,
        errors INTEGER NOT NULL,
        input_tokens INTEGER,
        output_tokens INTEGER,
        total_tokens INTEGER,
        usage TEXT,                 -- JSON
        input_cost REAL,
        output_cost REAL,
        cost REAL,                  -- USD
        request_preview TEXT,
        response_preview TEXT,
        session TEXT,
        user TEXT,
        model_id TEXT,
        run_id TEXT,
        client_request_id TEXT,
        said TEXT,                  -- JSON: what trace records said, each with its time
        owner TEXT
    )""",
    # all that listings compare and statistics add up: a row with its previews is read only where it is shown
    """CREATE INDEX traces_start ON traces(
        start, num, state, duration, input_tokens, output_tokens, total_tokens, cost, name, model_id, user, session,
        experiment
    )""",
    "CREATE INDEX traces_seq ON traces(seq)",
    "CREATE INDEX traces_experiment ON traces(experiment, start)",
    "CREATE INDEX traces_state ON traces(state, start) WHERE state <> 'OK'",
    "CREATE INDEX traces_session ON traces(session, start) WHERE session IS NOT NULL",
    "CREATE INDEX traces_user ON traces(user, start) WHERE user IS NOT NULL",
    "CREATE INDEX traces_model_id ON traces(model_id, start) WHERE model_id IS NOT NULL",
    "CREATE INDEX traces_run ON traces(run_id, start) WHERE run_id IS NOT NULL",
    # `covered`: marks of the tokens and costs that an ancestor carries too, and that no sum counts: topmost.py
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
        request_model TEXT,         -- where it differs from model
        provider TEXT,
        input_tokens INTEGER,
        output_tokens INTEGER,
        total_tokens INTEGER,
        usage TEXT,                 -- JSON, where there is more than input, output and total
        input_cost REAL,
        output_cost REAL,
        cost REAL,
        chunk INTEGER NOT NULL,
        first_chunk INTEGER,        -- ns from the start to the first chunk of a stream
        covered INTEGER NOT NULL DEFAULT 0,
        scope TEXT,                 -- of another instrumentation's call of a model
        beside TEXT,                -- id of the span beside it that is of the same call
        exception TEXT              -- type, of a failed span
    )""",
    "CREATE INDEX spans_start ON spans(start)",
    """CREATE TABLE chunks(
        id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, first INTEGER NOT NULL, codec INTEGER NOT NULL,
        content BLOB NOT NULL,
        base INTEGER
    )""",
    "CREATE INDEX chunks_base ON chunks(base) WHERE base IS NOT NULL",
    """CREATE TABLE running(
        trace INTEGER NOT NULL, span_id TEXT NOT NULL, parent_id TEXT, remote INTEGER NOT NULL, name TEXT NOT NULL,
        type TEXT NOT NULL, start INTEGER NOT NULL, owner TEXT, gone INTEGER NOT NULL DEFAULT 0,
        record BLOB,                -- JSON: the record of a running span, once it came with values
        PRIMARY KEY (trace, span_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX running_owner ON running(owner)",
    """CREATE TABLE labels(
        trace INTEGER NOT NULL, kind INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, start INTEGER,
        PRIMARY KEY (trace, kind, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX labels_find ON labels(kind, key, value, start, trace)",
    # a deleted assessment (1) stays as a mark, else a repeated record would bring it back; feedback that other
    # feedback overrides (2) is shown, but does not count
    """CREATE TABLE assessments(
        id TEXT PRIMARY KEY, trace INTEGER NOT NULL, span_id TEXT, name TEXT NOT NULL, type TEXT NOT NULL,
        value TEXT NOT NULL, text TEXT, rationale TEXT, source TEXT NOT NULL, metadata TEXT NOT NULL,
        error TEXT, time INTEGER NOT NULL,
        deleted INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    "CREATE INDEX assessments_trace ON assessments(trace, type, name)",
    "CREATE INDEX assessments_name ON assessments(type, name, trace)",
    """CREATE TABLE attachments(digest TEXT PRIMARY KEY, mime TEXT NOT NULL, content BLOB NOT NULL)""",
    """CREATE TABLE attachment_uses(
        trace INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (trace, digest)
    ) WITHOUT ROWID""",
    "CREATE INDEX attachment_uses_digest ON attachment_uses(digest)",
    "CREATE TABLE processes(owner TEXT PRIMARY KEY, pid INTEGER, time INTEGER, resource TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE models(
        model_id TEXT PRIMARY KEY, name TEXT NOT NULL, experiment INTEGER NOT NULL, created INTEGER NOT NULL,
        said TEXT NOT NULL          -- JSON: what records said, each with its time
    ) WITHOUT ROWID""",
    "CREATE INDEX models_name ON models(name, created)",
    """CREATE TABLE runs(
        run_id TEXT PRIMARY KEY, experiment INTEGER NOT NULL, started INTEGER NOT NULL, said TEXT NOT NULL
    ) WITHOUT ROWID""",
    # `unmeasured`: calls without a cost that failed or sent no token counts: none of the price table's
    """CREATE TABLE hours(
        hour INTEGER NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL,
        spans INTEGER NOT NULL, errors INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
        priced INTEGER NOT NULL,
        cost INTEGER NOT NULL,      -- 1e-12 USD
        latencies BLOB NOT NULL,    -- latencies.py
        unmeasured INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (hour, type, name, model, provider)
    ) WITHOUT ROWID""",
    # the tokens and costs of spans with marks in `covered`, which `hours` has
    """CREATE TABLE covered_hours(
        of_calls INTEGER NOT NULL,  -- 1: covered by a span that names a model, as sums of model calls ask
        hour INTEGER NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL,
        marks INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
        cost INTEGER NOT NULL,      -- 1e-12 USD
        PRIMARY KEY (of_calls, hour, type, name, model, provider)
    ) WITHOUT ROWID""",
    # contentless: the text is in the blocks; a row is taken out again with the text it was made from
    TEXTS_TABLE.format("texts"),
    WORDS_TABLE.format("words", "texts"),
    # runs of blocks up to the counter indexed_chunk that the full-text index does not have yet
    "CREATE TABLE unindexed(first INTEGER PRIMARY KEY, last INTEGER NOT NULL)",
    # the words of the index, each once: reading them from the index itself takes as long as reading all of it
    TERMS_TABLE.format("terms"),
    *LOG_TABLES,
    *DATASET_TABLES,
    *REGISTERED_TABLES,
    *REVIEW_TABLES,
    *DELETED_TABLES,
)

APPLICATION_ID: Final = 0x54524352  # header field that marks an SQLite file as a store of tracer
