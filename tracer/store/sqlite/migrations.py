"""Steps that bring the SQLite store of an older version to the schema of today (schema.py), and are only appended to.

``PRAGMA user_version`` is the version of a store; ``MIGRATIONS[0]`` makes the second of the first.
"""

from __future__ import annotations

from typing import Final

from tracer.store.sqlite.blocks import PACKED
from tracer.store.sqlite.schema import (
    DATASET_TABLES,
    DELETED_TABLES,
    LABEL_EXCEPTION,
    LABEL_FAILED_STEP,
    LOG_TABLES,
    POSITION_BITS,
    POSITION_MASK,
    REGISTERED_TABLES,
    REVIEW_TABLES,
    TERMS_TABLE,
)

_CHUNKS_AND_DELETIONS = (
    "ALTER TABLE spans ADD COLUMN first_chunk INTEGER",  # ns from the start to the first chunk of a stream
    # a deleted assessment stays as a mark, else a repeated record would bring it back
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
        latencies BLOB NOT NULL,    -- tracer/store/latencies.py
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
    # the words of the index, each once: reading them from the index itself takes as long as reading all of it
    TERMS_TABLE.format("terms"),
    "INSERT INTO terms SELECT term FROM words",
)

_BASES = (
    # the block that has the texts that this one shares with it: tracer/store/sqlite/bases.py
    "ALTER TABLE chunks ADD COLUMN base INTEGER",
    "CREATE INDEX chunks_base ON chunks(base) WHERE base IS NOT NULL",
)

_TOPMOST = (
    # marks of the tokens and costs that an ancestor carries too, and that no sum counts: tracer/store/topmost.py
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

_LOGS = (*LOG_TABLES, "INSERT INTO counters VALUES ('log', 0)")

_CALLS_BESIDE = (
    "ALTER TABLE spans ADD COLUMN scope TEXT",  # of another instrumentation's call of a model
    # id of the span beside it that is of the same call: tracer/store/topmost.py
    "ALTER TABLE spans ADD COLUMN beside TEXT",
)

_FAILED_STEPS = (
    "ALTER TABLE spans ADD COLUMN exception TEXT",  # type, of a failed span
    f"""UPDATE spans SET exception = (SELECT tracer_exception(c.id, {PACKED}, (spans.id & {POSITION_MASK}) - c.first)
        FROM chunks c WHERE c.id = spans.chunk) WHERE status = 'ERROR'""",
    f"""INSERT OR IGNORE INTO labels(trace, kind, key, value, start)
        SELECT t.num, {LABEL_FAILED_STEP}, s.name, '', t.start FROM traces t JOIN spans s
        ON s.id BETWEEN (t.num << {POSITION_BITS}) AND (t.num << {POSITION_BITS}) + {POSITION_MASK}
        WHERE t.errors > 0 AND s.status = 'ERROR' AND s.name <> '' AND s.span_id NOT IN (
            SELECT b.parent_id FROM spans b
            WHERE b.id BETWEEN (t.num << {POSITION_BITS}) AND (t.num << {POSITION_BITS}) + {POSITION_MASK}
            AND b.status = 'ERROR' AND b.parent_id IS NOT NULL)""",
    f"""INSERT OR IGNORE INTO labels(trace, kind, key, value, start)
        SELECT t.num, {LABEL_EXCEPTION}, s.exception, '', t.start FROM traces t JOIN spans s
        ON s.id BETWEEN (t.num << {POSITION_BITS}) AND (t.num << {POSITION_BITS}) + {POSITION_MASK}
        WHERE t.errors > 0 AND s.exception IS NOT NULL""",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    _CHUNKS_AND_DELETIONS, _MODELS_AND_RUNS, _HOURS, _FULL_TEXT, _BASES, _TOPMOST, _RUNNING_RECORDS, _UNMEASURED,
    _PRICED_BELOW, _LOGS, DATASET_TABLES, REGISTERED_TABLES, _CALLS_BESIDE, _FAILED_STEPS,
    REVIEW_TABLES, DELETED_TABLES,
)  # fmt: skip
VERSION: Final = 1 + len(MIGRATIONS)
