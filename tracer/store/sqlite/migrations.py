"""The schema of the SQLite store, as steps that are only ever appended to; PRAGMA user_version counts those taken.

Keys: a trace is numbered in the order of arrival (``num``); a span is ``num << POSITION_BITS | position``, so that the
spans of a trace lie together, need no index of their own, and number the rows of the full-text index.
A row of ``chunks`` is a block (blocks.py): the records of spans ``first``, ``first + 1``, … of one trace. A block with
a ``base`` is read together with that one.
"""

from __future__ import annotations

from typing import Final

POSITION_BITS: Final = 24
POSITION_MASK: Final = (1 << POSITION_BITS) - 1

LABEL_TAG: Final = 0
LABEL_METADATA: Final = 1
LABEL_MODEL: Final = 2
LABEL_PROVIDER: Final = 3

TEXTS_TABLE: Final = "CREATE VIRTUAL TABLE {} USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2')"
SLICE_TABLE: Final = (
    "CREATE VIRTUAL TABLE {} USING fts5(text, content='', detail=none, columnsize=0,"
    " tokenize='unicode61 remove_diacritics 2')"
)
TERMS_TABLE: Final = "CREATE TABLE {}(term TEXT PRIMARY KEY) WITHOUT ROWID"
WORDS_TABLE: Final = "CREATE VIRTUAL TABLE {} USING fts5vocab({}, 'row')"

_FIRST = (
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
        request_model TEXT,         -- where it differs from model
        provider TEXT,
        input_tokens INTEGER,
        output_tokens INTEGER,
        total_tokens INTEGER,
        usage TEXT,                 -- JSON, where there is more than input, output and total
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
    # contentless: the text is in the blocks; a row is taken out again with the text it was made from
    TEXTS_TABLE.format("texts"),
    WORDS_TABLE.format("words", "texts"),
)

_SECOND = (
    "ALTER TABLE spans ADD COLUMN first_chunk INTEGER",  # ns from the start to the first chunk of a stream
    # what was deleted stays as a mark, else a record that comes again would bring it back
    "ALTER TABLE assessments ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0",
)

_MODELS_AND_RUNS = (
    """CREATE TABLE models(
        model_id TEXT PRIMARY KEY, name TEXT NOT NULL, experiment INTEGER NOT NULL, created INTEGER NOT NULL,
        said TEXT NOT NULL          -- JSON: what records said, each with its time
    ) WITHOUT ROWID""",
    "CREATE INDEX models_name ON models(name, created)",
    """CREATE TABLE runs(
        run_id TEXT PRIMARY KEY, experiment INTEGER NOT NULL, started INTEGER NOT NULL, said TEXT NOT NULL
    ) WITHOUT ROWID""",
)

_HOUR_NS = 3_600_000_000_000
_HOURS = (
    # by name and type too, where `calls` counted models alone; a row a group, not a row a latency bucket
    """CREATE TABLE hours(
        hour INTEGER NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL,
        spans INTEGER NOT NULL, errors INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
        priced INTEGER NOT NULL,
        cost INTEGER NOT NULL,      -- 1e-12 USD
        latencies BLOB NOT NULL,    -- tracer/store/sqlite/latencies.py
        PRIMARY KEY (hour, type, name, model, provider)
    ) WITHOUT ROWID""",
    f"""INSERT INTO hours SELECT
        (start - (start % {_HOUR_NS} + {_HOUR_NS}) % {_HOUR_NS}) / {_HOUR_NS}, type, name, ifnull(model, ''),
        ifnull(provider, ''), count(*), sum(status = 'ERROR'), sum(ifnull(input_tokens, 0)),
        sum(ifnull(output_tokens, 0)), count(cost), sum(CAST(round(min(ifnull(cost, 0), 1e6) * 1e12) AS INTEGER)),
        tracer_latencies(duration) FROM spans GROUP BY 1, 2, 3, 4, 5""",
    "DROP TABLE calls",
    "CREATE INDEX spans_start ON spans(start)",
    # all that listings compare and statistics add up: a row with its previews is read only where it is shown
    "DROP INDEX traces_start",
    """CREATE INDEX traces_start ON traces(
        start, num, state, duration, input_tokens, output_tokens, total_tokens, cost, name, model_id, user, session,
        experiment
    )""",
)

_FULL_TEXT = (
    # runs of blocks up to the counter indexed_chunk that the full-text index does not have yet
    "CREATE TABLE unindexed(first INTEGER PRIMARY KEY, last INTEGER NOT NULL)",
    # the words of the index, each once: to read them off the index itself takes as long as reading all of it
    TERMS_TABLE.format("terms"),
    "INSERT INTO terms SELECT term FROM words",
)

_BASES = (
    # the block that has the texts that this one shares with it: tracer/store/sqlite/bases.py
    "ALTER TABLE chunks ADD COLUMN base INTEGER",
    "CREATE INDEX chunks_base ON chunks(base) WHERE base IS NOT NULL",
)

_TOPMOST = (
    # marks of the tokens and costs that an ancestor carries too, and that no sum counts: tracer/store/sqlite/topmost.py
    "ALTER TABLE spans ADD COLUMN covered INTEGER NOT NULL DEFAULT 0",
    # the tokens and costs of these spans, which `hours` has
    """CREATE TABLE covered_hours(
        of_calls INTEGER NOT NULL,  -- 1: covered by a span that names a model, as sums of model calls ask
        hour INTEGER NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL,
        marks INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
        cost INTEGER NOT NULL,      -- 1e-12 USD
        PRIMARY KEY (of_calls, hour, type, name, model, provider)
    ) WITHOUT ROWID""",
    "CREATE TABLE marked_spans(id INTEGER PRIMARY KEY, marks INTEGER NOT NULL)",
    f"""INSERT INTO marked_spans(id, marks) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')
        FROM (SELECT tracer_covered(id, span_id, parent_id, model IS NOT NULL,
            coalesce(input_tokens, output_tokens, total_tokens, usage) IS NOT NULL, cost IS NOT NULL) AS covered
            FROM spans GROUP BY id >> {POSITION_BITS}), json_each(covered)""",
    """UPDATE spans SET covered = (SELECT marks FROM marked_spans m WHERE m.id = spans.id)
        WHERE id IN (SELECT id FROM marked_spans)""",
    "DROP TABLE marked_spans",
    *(
        f"""INSERT INTO covered_hours(
            of_calls, hour, type, name, model, provider, marks, input_tokens, output_tokens, cost
            ) SELECT {of_calls}, (start - (start % {_HOUR_NS} + {_HOUR_NS}) % {_HOUR_NS}) / {_HOUR_NS}, type, name,
            ifnull(model, ''), ifnull(provider, ''), sum(covered & {usage} <> 0) + sum(covered & {cost} <> 0),
            sum(CASE WHEN covered & {usage} THEN ifnull(input_tokens, 0) ELSE 0 END),
            sum(CASE WHEN covered & {usage} THEN ifnull(output_tokens, 0) ELSE 0 END),
            sum(CASE WHEN covered & {cost} THEN CAST(round(min(ifnull(cost, 0), 1e6) * 1e12) AS INTEGER) ELSE 0 END)
            FROM spans WHERE covered & {usage | cost} GROUP BY 1, 2, 3, 4, 5, 6"""
        for of_calls, usage, cost in ((0, 1, 2), (1, 4, 8))
    ),
)

_RUNNING_RECORDS = (
    # JSON: the record of a running span, once it came with values
    "ALTER TABLE running ADD COLUMN record BLOB",
)

_UNMEASURED = (
    # calls without a cost that failed or sent no token counts: none of the price table's
    "ALTER TABLE hours ADD COLUMN unmeasured INTEGER NOT NULL DEFAULT 0",
    f"""UPDATE hours SET unmeasured = found.unmeasured FROM (SELECT
        (start - (start % {_HOUR_NS} + {_HOUR_NS}) % {_HOUR_NS}) / {_HOUR_NS} AS hour, type, name,
        ifnull(model, '') AS model, ifnull(provider, '') AS provider, count(*) AS unmeasured
        FROM spans WHERE cost IS NULL AND (status = 'ERROR' OR input_tokens IS NULL) GROUP BY 1, 2, 3, 4, 5) found
        WHERE hours.hour = found.hour AND hours.type = found.type AND hours.name = found.name
        AND hours.model = found.model AND hours.provider = found.provider""",
)

_PRICED_BELOW = (
    # marks of the spans with tokens and no cost above one with a cost, which are calls whose price is known: topmost.py
    f"""CREATE TABLE marked_spans AS SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS marks
        FROM (SELECT tracer_covered(id, span_id, parent_id, model IS NOT NULL,
            coalesce(input_tokens, output_tokens, total_tokens, usage) IS NOT NULL, cost IS NOT NULL,
            input_tokens IS NOT NULL AND status <> 'ERROR') AS covered
            FROM spans GROUP BY id >> {POSITION_BITS}), json_each(covered)""",
    "UPDATE spans SET covered = covered | 16 WHERE id IN (SELECT id FROM marked_spans WHERE marks & 16)",
    "DROP TABLE marked_spans",
    f"""UPDATE hours SET priced = found.priced FROM (SELECT
        (start - (start % {_HOUR_NS} + {_HOUR_NS}) % {_HOUR_NS}) / {_HOUR_NS} AS hour, type, name,
        ifnull(model, '') AS model, ifnull(provider, '') AS provider,
        sum(cost IS NOT NULL OR covered & 16 <> 0) AS priced FROM spans GROUP BY 1, 2, 3, 4, 5) found
        WHERE hours.hour = found.hour AND hours.type = found.type AND hours.name = found.name
        AND hours.model = found.model AND hours.provider = found.provider""",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    _FIRST, _SECOND, _MODELS_AND_RUNS, _HOURS, _FULL_TEXT, _BASES, _TOPMOST, _RUNNING_RECORDS, _UNMEASURED,
    _PRICED_BELOW,
)  # fmt: skip
VERSION: Final = len(MIGRATIONS)
APPLICATION_ID: Final = 0x54524352  # header field that marks an SQLite file as a store of tracer
