"""JSON Schemas (2020-12) of the API, by their names in the OpenAPI document."""

from __future__ import annotations

from typing import Final, get_args

from tracer._catalog.keys import ROLES
from tracer._json import JsonObject
from tracer.store.filter.complete import ItemKind
from tracer.store.reviews import KINDS

Schema = JsonObject

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "number"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
FLAG: Final[Schema] = {"type": "boolean"}
ANY: Final[Schema] = {}
NS: Final[Schema] = {"type": "integer", "description": "ns: a time since the epoch, or a duration"}
USD: Final[Schema] = {"type": "number", "description": "US dollars"}
TRACE_ID: Final[Schema] = {"type": "string", "description": "32 hex digits"}
SPAN_ID: Final[Schema] = {"type": "string", "description": "16 hex digits"}


def ref(name: str) -> Schema:
    """A reference to a schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": schema}


def by_name(schema: Schema) -> Schema:
    """An object with any names."""
    return {"type": "object", "additionalProperties": schema}


def shape(**fields: Schema) -> Schema:
    """An object that always has all these fields."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def one_of(*texts: str) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(texts)}


def optional(*needed: str, **fields: Schema) -> Schema:
    """An object that may have these fields, and needs some of them."""
    return {"type": "object", "properties": fields, "required": list(needed)}


_ROLES = {**many(one_of(*ROLES)), "minItems": 1}
_KEY = {
    "id": TEXT,
    "name": TEXT,
    "project": TEXT,
    "roles": _ROLES,
    "created_ns": NS,
    "last_used_ns": maybe(NS),
    "revoked_ns": maybe(NS),
    "expires_ns": maybe(NS),
}
_LATENCY = shape(p50=NS, p95=NS, p99=NS)
_COST = maybe(optional("total_cost", input_cost=USD, output_cost=USD, total_cost=USD))
_USAGE = maybe(by_name(COUNT))
_LIGHT: dict[str, Schema] = {
    "span_id": SPAN_ID,
    "parent_id": SPAN_ID,
    "remote_parent": FLAG,
    "name": TEXT,
    "type": TEXT,
    "status": one_of("UNSET", "OK", "ERROR", "IN_PROGRESS", "INTERRUPTED"),
    "message": TEXT,
    "start_ns": NS,
    "duration_ns": NS,
    "first_chunk_ns": NS,
    "model": TEXT,
    "provider": TEXT,
    "usage": by_name(COUNT),
    "cost": by_name(USD),
}
_ALWAYS = ("span_id", "name", "type", "status", "start_ns", "remote_parent")
_MESSAGES = maybe(many(ref("Message")))
_PAGED = {"next_page_token": maybe(TEXT)}
_NUMBERS = {
    "group": TEXT,
    "calls": COUNT,
    "errors": COUNT,
    "input_tokens": COUNT,
    "output_tokens": COUNT,
    "cost": maybe(USD),
    "priced": COUNT,
    "unmeasured": COUNT,
    "latency_ns": _LATENCY,
}
_FEEDBACK = shape(
    name=TEXT,
    count=COUNT,
    mean=maybe(NUMBER),
    deviation=maybe(NUMBER),
    texts=many(shape(text=TEXT, count=COUNT)),
    is_share=FLAG,
)

_RUN_SUMS = {"trace_count": COUNT, "error_count": COUNT, "usage": _USAGE, "cost": _COST, "latency_ns": _LATENCY}
_SCORE_SUMS = {"name": TEXT, "count": COUNT, "mean": maybe(NUMBER), "failed": COUNT}

SCHEMAS: Final[dict[str, Schema]] = {
    "Error": shape(error=shape(code=TEXT, message=TEXT, position=maybe(COUNT))),
    "Server": shape(
        version=TEXT,
        auth=one_of("none", "token"),
        signed_in=FLAG,
        store=maybe(TEXT),
        project=maybe(TEXT),
        roles=maybe(many(one_of(*ROLES))),
        read_only=FLAG,
        try_again=FLAG,
        alerts=FLAG,
        sign_in_with=maybe(TEXT),
    ),
    "Alerts": shape(
        alerts=many(
            shape(
                name=TEXT,
                project=maybe(TEXT),
                when=TEXT,
                window=TEXT,
                filter=TEXT,
                at_least=COUNT,
                tell=many(TEXT),
                value=maybe(NUMBER),
                shown=maybe(TEXT),
                since_ns=maybe(NS),
                told_ns=maybe(NS),
                fault=maybe(TEXT),
            )
        ),
        channels=many(
            shape(
                name=TEXT,
                kind=TEXT,
                told_ns=maybe(NS),
                failed_ns=maybe(NS),
                fault=maybe(TEXT),
                waiting=COUNT,
            )
        ),
    ),
    "Trial": shape(told=FLAG, fault=maybe(TEXT)),
    "Project": shape(name=TEXT, created_ns=NS, requests_a_minute=maybe(COUNT), bytes_a_minute=maybe(COUNT)),
    "Projects": shape(projects=many(ref("Project"))),
    "NewProject": optional("name", name=TEXT, requests_a_minute=maybe(COUNT), bytes_a_minute=maybe(COUNT)),
    "ProjectLimits": optional(requests_a_minute=maybe(COUNT), bytes_a_minute=maybe(COUNT)),
    "Key": shape(**_KEY),
    "Keys": shape(keys=many(ref("Key"))),
    "NewKey": shape(name=TEXT, project=TEXT, roles=_ROLES),
    "MadeKey": shape(**_KEY, secret=TEXT),
    "Acts": shape(acts=many(shape(number=COUNT, time_ns=NS, who=TEXT, did=TEXT, what=TEXT))),
    "ModelServers": shape(
        on=FLAG, servers=many(shape(url=TEXT, host=TEXT, port=COUNT, dialects=many(TEXT), has_key=FLAG))
    ),
    "Try": optional(
        "server",
        "dialect",
        "body",
        server=TEXT,
        dialect=one_of("chat", "responses", "anthropic", "ollama", "gemini"),
        body=by_name(ANY),
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        prompt=TEXT,
    ),
    "SignIn": shape(token=TEXT),
    "Otlp": {**shape(resourceSpans=many(ANY)), "description": "an ExportTraceServiceRequest"},
    "OtlpTaken": optional(partialSuccess=shape(rejectedSpans=TEXT, errorMessage=TEXT)),
    "OtlpLogs": {**shape(resourceLogs=many(ANY)), "description": "an ExportLogsServiceRequest"},
    "OtlpLogsTaken": optional(partialSuccess=shape(rejectedLogRecords=TEXT, errorMessage=TEXT)),
    "OtlpStatus": shape(code=COUNT, message=TEXT),
    "Assessment": shape(
        id=TEXT,
        trace_id=TRACE_ID,
        span_id=maybe(SPAN_ID),
        name=TEXT,
        type=one_of("feedback", "expectation"),
        value=ANY,
        rationale=maybe(TEXT),
        source=by_name(TEXT),
        metadata=by_name(TEXT),
        error=maybe(TEXT),
        time_ns=NS,
    ),
    "NewAssessment": optional(
        "name",
        "value",
        name=TEXT,
        value=ANY,
        type=maybe(one_of("feedback", "expectation")),
        rationale=maybe(TEXT),
        span_id=maybe(SPAN_ID),
        source=maybe(by_name(TEXT)),
        metadata=maybe(by_name(TEXT)),
    ),
    "EditAssessment": optional(name=TEXT, value=ANY, rationale=maybe(TEXT), metadata=by_name(TEXT)),
    "TagValue": shape(value=TEXT),
    "TraceUpdate": optional(session_id=TEXT, user=TEXT, tags=by_name(maybe(TEXT)), metadata=by_name(maybe(TEXT))),
    "Trace": shape(
        trace_id=TRACE_ID,
        seq=COUNT,
        name=maybe(TEXT),
        state=one_of("OK", "ERROR", "IN_PROGRESS", "INTERRUPTED"),
        start_ns=NS,
        duration_ns=maybe(NS),
        root_span_id=maybe(SPAN_ID),
        span_count=COUNT,
        error_count=COUNT,
        usage=_USAGE,
        cost=_COST,
        models=many(TEXT),
        providers=many(TEXT),
        failed_steps=many(TEXT),
        request_preview=maybe(TEXT),
        response_preview=maybe(TEXT),
        session_id=maybe(TEXT),
        user=maybe(TEXT),
        model_id=maybe(TEXT),
        run_id=maybe(TEXT),
        client_request_id=maybe(TEXT),
        experiment_id=TEXT,
        experiment=TEXT,
        tags=by_name(TEXT),
        metadata=by_name(TEXT),
        assessments=many(ref("Assessment")),
    ),
    "TracePage": shape(traces=many(ref("Trace")), **_PAGED, complete=FLAG, seq=COUNT),
    "Span": optional("span_id", "name", "type", "status", "start_ns", **_LIGHT),
    "TraceTree": shape(trace=ref("Trace"), spans=many(ref("Span")), position=COUNT, seq=COUNT, resource=by_name(ANY)),
    "WholeSpan": shape(
        **{name: schema if name in _ALWAYS else maybe(schema) for name, schema in _LIGHT.items()},
        inputs=ANY,
        outputs=ANY,
        input_messages=_MESSAGES,
        output_messages=_MESSAGES,
        system_instructions=maybe(many(ref("Part"))),
        tools=maybe(many(ANY)),
        attributes=by_name(ANY),
        events=many(shape(name=TEXT, time_ns=NS, attributes=by_name(ANY))),
        links=many(shape(trace_id=TRACE_ID, span_id=SPAN_ID, attributes=by_name(ANY))),
        kind=one_of("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"),
        scope=maybe(TEXT),
        dropped=shape(attributes=COUNT, events=COUNT, links=COUNT),
    ),
    "Message": optional("role", role=TEXT, parts=many(ref("Part")), finish_reason=maybe(TEXT), name=maybe(TEXT)),
    "Part": {
        **optional("type", type=TEXT),
        "description": "A part in the schema of OpenTelemetry's GenAI conventions; further fields go by its type.",
    },
    "Records": shape(trace=ref("Trace"), records=many(by_name(ANY)), position=COUNT, resource=by_name(ANY)),
    "SnippetsAsked": optional("trace_ids", "text", trace_ids=many(TRACE_ID), text=TEXT),
    "Snippets": shape(
        snippets=many(shape(trace_id=TRACE_ID, span_id=TEXT, before=TEXT, words=TEXT, after=TEXT)),
    ),
    "TraceIds": optional("trace_ids", trace_ids=many(TRACE_ID), payload=FLAG, about=FLAG),
    "RecordsPage": shape(
        traces=many(
            optional(
                "trace_id",
                "records",
                trace_id=TRACE_ID,
                records=many(by_name(ANY)),
                trace=ref("Trace"),
                position=COUNT,
                resource=by_name(ANY),
            )
        )
    ),
    "OneRecord": shape(record=by_name(ANY)),
    "DeleteTraces": optional(trace_ids=many(TRACE_ID), filter=TEXT, since_ns=NS, until_ns=NS, limit=COUNT),
    "Deleted": shape(deleted=COUNT),
    "ModelIds": shape(model_ids=many(TEXT)),
    "ModelFiles": shape(files=many(shape(path=TEXT, size=COUNT))),
    "FileDigests": shape(files={"type": "object", "additionalProperties": TEXT}),
    "Histogram": shape(
        since_ns=maybe(NS),
        until_ns=maybe(NS),
        step_ns=maybe(NS),
        count=COUNT,
        buckets=many(shape(start_ns=NS, count=COUNT, errors=COUNT)),
        seq=COUNT,
    ),
    "Facets": shape(
        facets=many(shape(field=TEXT, values=many(shape(value=TEXT, count=COUNT, folded=many(TEXT))), more=FLAG)),
        counted=COUNT,
        complete=FLAG,
        tag_keys=many(TEXT),
        seq=COUNT,
    ),
    "FilterCheck": shape(valid=FLAG, error=maybe(shape(message=TEXT, position=COUNT))),
    "Completion": shape(
        start=COUNT,
        end=COUNT,
        items=many(shape(text=TEXT, kind=one_of(*get_args(ItemKind)), detail=maybe(TEXT))),
    ),
    "Session": shape(
        session_id=TEXT,
        users=many(TEXT),
        trace_count=COUNT,
        error_count=COUNT,
        start_ns=NS,
        end_ns=NS,
        usage=by_name(COUNT),
        cost=_COST,
        models=many(TEXT),
        first_request_preview=maybe(TEXT),
        last_response_preview=maybe(TEXT),
    ),
    "SessionPage": shape(sessions=many(ref("Session")), **_PAGED, seq=COUNT),
    "Conversation": shape(
        session=ref("Session"),
        turns=many(shape(trace=ref("Trace"), messages=many(ref("Message")))),
        **_PAGED,
        seq=COUNT,
    ),
    "Statistics": shape(
        group_by=TEXT,
        counts=one_of("calls", "spans", "traces"),
        since_ns=maybe(NS),
        until_ns=maybe(NS),
        interval_ns=maybe(NS),
        exact=FLAG,
        groups=many(shape(**_NUMBERS)),
        series=many(shape(start_ns=NS, **_NUMBERS)),
        seq=COUNT,
    ),
    "Audit": shape(
        findings=many(
            shape(
                kind=TEXT,
                step=TEXT,
                place=TEXT,
                reason=TEXT,
                calls=COUNT,
                tokens=COUNT,
                cost=maybe(USD),
                tokens_per_day=NUMBER,
                cost_per_day=maybe(USD),
                traces=many(TRACE_ID),
                span_id=maybe(SPAN_ID),
            )
        ),
        traces=COUNT,
        calls=COUNT,
        tokens=COUNT,
        cost=maybe(USD),
        days=NUMBER,
    ),
    "Difference": shape(
        step=many(TEXT),
        span_type=TEXT,
        where=TEXT,
        a=ANY,
        b=ANY,
        word=maybe(COUNT),
        only_in=maybe(one_of("a", "b")),
        a_span_id=maybe(SPAN_ID),
        b_span_id=maybe(SPAN_ID),
        text=TEXT,
    ),
    "TraceDiff": shape(
        a=TRACE_ID,
        b=TRACE_ID,
        differs=FLAG,
        first=maybe(ref("Difference")),
        steps=many(
            shape(
                step=many(TEXT),
                span_type=TEXT,
                a_span_id=maybe(SPAN_ID),
                b_span_id=maybe(SPAN_ID),
                differences=many(ref("Difference")),
            )
        ),
    ),
    "FeedbackSums": shape(feedback=many(_FEEDBACK), seq=COUNT),
    "Versions": shape(
        versions=many(
            shape(
                model_id=TEXT,
                name=TEXT,
                created_ns=maybe(NS),
                trace_count=COUNT,
                error_count=COUNT,
                first_ns=NS,
                last_ns=NS,
                usage=by_name(COUNT),
                cost=_COST,
                latency_ns=_LATENCY,
                models=many(TEXT),
                feedback=many(_FEEDBACK),
                trace_name=maybe(TEXT),
                uncertainty=by_name(NUMBER),
            )
        ),
        seq=COUNT,
    ),
    "Model": shape(
        model_id=TEXT,
        name=TEXT,
        experiment_id=TEXT,
        experiment=TEXT,
        created_ns=NS,
        updated_ns=NS,
        model_type=maybe(TEXT),
        source_run_id=maybe(TEXT),
        status=TEXT,
        tags=by_name(TEXT),
        params=by_name(TEXT),
        metrics=by_name(NUMBER),
        status_message=maybe(TEXT),
        deleted=FLAG,
    ),
    "Models": shape(models=many(ref("Model"))),
    "WholeVersion": shape(
        model=ref("Model"),
        registered_as=many(shape(name=TEXT, number=COUNT, aliases=many(TEXT))),
        code=maybe(TEXT),
        config=ANY,
        input_example=ANY,
        metadata=by_name(ANY),
    ),
    "RegisteredVersion": shape(
        kind=one_of("prompt", "model"),
        name=TEXT,
        number=COUNT,
        id=TEXT,
        created_ns=NS,
        tags=by_name(TEXT),
        content=by_name(ANY),
        aliases=by_name(COUNT),
    ),
    "Registered": shape(registered=many(ref("RegisteredVersion"))),
    "NewPrompt": {
        **optional("name", "template", name=TEXT, template=ANY, commit_message=maybe(TEXT), tags=maybe(by_name(TEXT))),
        "description": "The template is a text or a list of chat messages with role and content.",
    },
    "AliasOf": optional("version", version=COUNT),
    "Runs": shape(
        runs=many(
            shape(
                run_id=TEXT,
                name=TEXT,
                experiment_id=TEXT,
                experiment=TEXT,
                parent_id=maybe(TEXT),
                status=TEXT,
                started_ns=NS,
                ended_ns=maybe(NS),
                tags=by_name(TEXT),
                params=by_name(TEXT),
                metrics=by_name(NUMBER),
                steps=by_name(by_name(NUMBER)),
            )
        )
    ),
    "RunIds": optional("run_ids", run_ids=many(TEXT)),
    "RunSums": shape(
        runs=many(shape(run_id=TEXT, **_RUN_SUMS, model_ids=many(TEXT), scores=many(shape(**_SCORE_SUMS))))
    ),
    "Evaluation": shape(
        run_id=TEXT,
        name=TEXT,
        status=TEXT,
        experiment=TEXT,
        started_ns=NS,
        ended_ns=maybe(NS),
        tags=by_name(TEXT),
        params=by_name(TEXT),
        metrics=by_name(NUMBER),
        dataset=maybe(TEXT),
        versions=many(shape(model_id=TEXT, name=TEXT)),
        row_count=COUNT,
        expected_rows=maybe(COUNT),
        failed_count=COUNT,
        usage=_USAGE,
        cost=_COST,
        latency_ns=maybe(_LATENCY),
        scores=many(shape(**{**_SCORE_SUMS, "count": maybe(COUNT)}, texts=many(shape(text=TEXT, count=COUNT)))),
    ),
    "EvaluationPage": shape(evaluations=many(ref("Evaluation")), total=COUNT, **_PAGED, seq=COUNT),
    "Answer": shape(
        trace_id=TRACE_ID,
        root_span_id=maybe(SPAN_ID),
        model_id=maybe(TEXT),
        state=one_of("OK", "ERROR", "IN_PROGRESS", "INTERRUPTED"),
        error=maybe(TEXT),
        response_preview=maybe(TEXT),
        start_ns=NS,
        duration_ns=maybe(NS),
        cost=_COST,
        scores=many(
            shape(
                name=TEXT,
                value=ANY,
                number=maybe(NUMBER),
                rationale=maybe(TEXT),
                error=maybe(TEXT),
                source=maybe(TEXT),
                judge_trace_id=maybe(TEXT),
            )
        ),
    ),
    "EvaluationRows": shape(
        evaluation=ref("Evaluation"),
        base=maybe(ref("Evaluation")),
        comparison=maybe(
            shape(
                scores=many(
                    shape(
                        name=TEXT,
                        before=maybe(NUMBER),
                        after=maybe(NUMBER),
                        better=COUNT,
                        worse=COUNT,
                        same=COUNT,
                        p_value=NUMBER,
                        may_be_chance=FLAG,
                    )
                ),
                joined=COUNT,
                only_in_run=COUNT,
                only_in_base=COUNT,
            )
        ),
        counts=by_name(COUNT),
        rows=many(
            shape(
                id=TEXT,
                only_in=maybe(one_of("run", "base")),
                request_preview=maybe(TEXT),
                expectations=by_name(ANY),
                tags=by_name(TEXT),
                answer=ref("Answer"),
                base=maybe(ref("Answer")),
                changes=by_name(one_of("better", "worse", "same")),
            )
        ),
        total=COUNT,
        **_PAGED,
        seq=COUNT,
    ),
    "Experiments": shape(experiments=many(shape(experiment_id=TEXT, name=TEXT, trace_count=COUNT, last_ns=maybe(NS)))),
    "Dataset": shape(
        dataset_id=TEXT,
        name=TEXT,
        created_ns=NS,
        updated_ns=NS,
        experiments=many(TEXT),
        tags=by_name(TEXT),
        row_count=COUNT,
    ),
    "Datasets": shape(datasets=many(ref("Dataset"))),
    "NewDataset": optional("name", name=TEXT, tags=by_name(maybe(TEXT)), experiments=many(TEXT), time=NS),
    "Row": shape(
        row_id=TEXT,
        inputs=ANY,
        outputs=ANY,
        expectations=by_name(ANY),
        tags=by_name(TEXT),
        split=maybe(TEXT),
        trace_id=maybe(TEXT),
        source=maybe(by_name(ANY)),
        created_ns=NS,
        updated_ns=NS,
    ),
    "RowPage": shape(rows=many(ref("Row")), **_PAGED),
    "NewRow": {
        **optional(
            inputs=ANY,
            outputs=ANY,
            expectations=maybe(by_name(ANY)),
            tags=maybe(by_name(maybe(TEXT))),
            split=maybe(TEXT),
            trace_id=maybe(TEXT),
            span_id=maybe(TEXT),
            source=maybe(by_name(ANY)),
            time=NS,
        ),
        "description": "With a trace_id and without inputs the row gets what the trace has, or its span of span_id.",
    },
    "NewRows": {
        **optional("rows", rows=many(ref("NewRow")), skip_empty=FLAG),
        "description": "With skip_empty traces and spans without inputs are left out.",
    },
    "WrittenRows": shape(added=COUNT, changed=COUNT, skipped=COUNT),
    "RowChanges": optional(
        inputs=ANY,
        outputs=ANY,
        expectations=maybe(by_name(ANY)),
        tags=maybe(by_name(maybe(TEXT))),
        split=maybe(TEXT),
        trace_id=maybe(TEXT),
        source=maybe(by_name(ANY)),
        expected_updated_ns=NS,
    ),
    "RowIds": optional("row_ids", row_ids=many(TEXT)),
    "ReviewScore": optional("name", name=TEXT, kind=one_of(*KINDS), question=TEXT, choices=many(TEXT)),
    "ReviewQueue": shape(
        queue_id=TEXT,
        name=TEXT,
        created_ns=NS,
        updated_ns=NS,
        filter=TEXT,
        experiment=maybe(TEXT),
        scores=many(ref("ReviewScore")),
        reviewers=COUNT,
        guidance=TEXT,
    ),
    "ReviewQueues": shape(queues=many(ref("ReviewQueue"))),
    "NewReviewQueue": optional(
        "name",
        "scores",
        name=TEXT,
        filter=maybe(TEXT),
        experiment=maybe(TEXT),
        scores=many(ref("ReviewScore")),
        reviewers=COUNT,
        guidance=maybe(TEXT),
    ),
    "ReviewProgress": shape(trace_count=COUNT, reviewed_count=COUNT, by_reviewer=maybe(COUNT), left_count=COUNT),
    "Policy": shape(
        name=TEXT,
        created_ns=NS,
        updated_ns=NS,
        filter=TEXT,
        keep_seconds=maybe(COUNT),
        sample=NUMBER,
        after_seconds=maybe(COUNT),
    ),
    "Policies": shape(policies=many(ref("Policy"))),
    "NewPolicy": optional(
        "name", name=TEXT, filter=maybe(TEXT), keep_seconds=maybe(COUNT), sample=NUMBER, after_seconds=maybe(COUNT)
    ),
    "Changes": shape(seq=COUNT, trace_ids=many(TRACE_ID), has_more=FLAG),
}
