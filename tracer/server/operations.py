"""Every operation of the API."""

from __future__ import annotations

from typing import Final

from tracer.server import (
    annotate,
    attachments,
    completion,
    datasets,
    evaluations,
    findings,
    model_files,
    overview,
    policies,
    prompts,
    records,
    reviews,
    traces,
    versions,
)
from tracer.server.evaluation_lines import SHOWN
from tracer.server.operation import ANY_NS, FILTER, LIMIT, PAGE, SELECTION, Operation, Parameter
from tracer.server.projects import administration

BASE: Final = "/api/v1"

_ORDER = Parameter("order_by", 'Sort keys, such as "cost desc, name"; newest first by default.')
_MOST = Parameter("order_by", "Most of it first: time, traces, errors, tokens, cost or duration.", default="time")
_CHANGED = Parameter("changed_since", "Only traces that changed after this change number.", "integer")
_POSITION = Parameter("position", "Only spans that ended from this position on, and those that run.", "integer", 0)
_PAYLOAD = Parameter("payload", "0 leaves payloads out.", "integer", 1, (0, 1))
_BUCKETS = Parameter("buckets", "How many steps at most.", "integer", 60, (2, 200))
_FIELDS = Parameter("fields", "Fields to count, separated by commas.", default=overview.DEFAULT_FACETS)
_VALUES = Parameter("limit", "How many values a field at most.", "integer", 10, (1, 1000))
_CURSOR = Parameter("cursor", "Where in the filter, in characters; its end by default.", "integer", None, (0, 2**31))
_GROUP_BY = Parameter("group_by", "Field by which the rows are grouped: model, name, version, …", default="model")
_INTERVAL = Parameter("interval_ns", "The length of a step of the series.", "integer", bounds=(1, ANY_NS[1]))
_LATENCY = Parameter(
    "latency", "total, or first_chunk: of streamed calls the time to the first chunk.", default="total"
)
_MODEL_ID = Parameter("model_id", "Only the version with this id.")
_NAME = Parameter("name", "Only versions with this name.")
_LONGEST = Parameter("longest", "Params and tags are cut to so many characters.", "integer", bounds=(1, 2**31))
_REGISTERED = (
    Parameter("kind", "prompt, or model for registered models."),
    Parameter("name", "All versions of this name, newest first; without it the newest of each name."),
    Parameter("number", "Only the version with this number.", "integer", bounds=(1, 2**31)),
    Parameter("alias", "Only the version that has this alias."),
    Parameter("id", "Only the version with this id."),
)
_RUN_ID = Parameter("run_id", "Only the run with this id.")
_RUN_FILTER = Parameter("filter", "Which evaluations, in the grammar of search_runs.")
_WORDS = Parameter("words", "Words in a run's name, id, tags, params or the name of its version.")
_EVALUATED = Parameter("model_id", "Only evaluations of the version with this id.")
_BASE = Parameter("base", "Id of the run to compare with.")
_SHOW = Parameter("show", f"Which rows: {', '.join(SHOWN)}.", default="all")
_ROW_ORDER = Parameter(
    "order_by",
    'Order of the rows: "row", "failing", "worse", "better", "latency", "cost" or "score.<name>", with asc or desc;'
    " with a base those that got worse come first by default.",
)
_ROW_FILTER = Parameter("filter", "Which rows: conditions on split, tags.<key>, inputs, expectations.<name>, …")
_AUDITED = Parameter("limit", "How many traces to look at, the newest first.", "integer", 1000, (1, 10_000))
_OTHER = Parameter("other", "Id of the trace to compare with.")
_IGNORE = Parameter("ignore", "Fields that do not count, separated by commas: seed, metadata.run_id.")
_REVIEWER = Parameter("reviewer", "The id of a person in the source of their feedback.")
_SINCE_NUMBER = Parameter("since", "A change number; 0 for all.", "integer", 0)
_CHANGES = Parameter("limit", "How many at most.", "integer", 1000, (1, 10_000))
_OF_PROJECT = Parameter("project", "Only keys of the project with this name.")
_BEFORE = Parameter("before", "Only acts with a smaller number.", "integer", bounds=(1, 2**53))

_TRACE = "/traces/{trace_id}"
_TAG = f"{_TRACE}/tags/{{key:path}}"
_DATASET = "/datasets/{dataset_id}"
_QUEUE = "/review-queues/{queue_id}"
_ASSESSMENT = f"{_TRACE}/assessments/{{assessment_id}}"
_ALIAS = "/prompts/{name}/aliases/{alias}"
_FILES = "/models/{model_id}/files"
_PROJECT = "/projects/{project}"

# before operations with a path that would match as well
OPERATIONS: Final = (
    Operation("GET", "/traces", "List traces.", traces.list_traces, "TracePage", (*SELECTION, _ORDER, *PAGE, _CHANGED)),
    Operation("GET", "/traces/histogram", "Traces over time.", overview.histogram, "Histogram", (*SELECTION, _BUCKETS)),
    Operation("GET", "/traces/facets", "Frequent values.", overview.facets, "Facets", (*SELECTION, _FIELDS, _VALUES)),
    Operation(
        "POST", "/traces/delete", "Delete traces.", traces.delete_traces, "Deleted", body="DeleteTraces", writes=True
    ),
    Operation(
        "POST", "/traces/records", "Records of several traces.", records.list_records, "RecordsPage", body="TraceIds"
    ),
    Operation("POST", "/traces/snippets", "Where a text is.", traces.list_snippets, "Snippets", body="SnippetsAsked"),
    Operation("GET", _TRACE, "One trace with light spans.", traces.get_trace, "TraceTree", (_POSITION,)),
    Operation(
        "PATCH",
        _TRACE,
        "Update a trace.",
        annotate.update_trace,
        body="TraceUpdate",
        status=204,
        writes=True,
        roles="write",
    ),
    Operation("DELETE", _TRACE, "Delete a trace.", traces.delete_trace, status=204, writes=True),
    Operation("GET", f"{_TRACE}/spans/{{span_id}}", "One span, whole.", traces.get_span, "WholeSpan"),
    Operation("GET", f"{_TRACE}/otlp", "One trace as OTLP JSON.", traces.get_otlp, "Otlp"),
    Operation(
        "GET", f"{_TRACE}/records", "The records of a trace.", records.get_records, "Records", (_POSITION, _PAYLOAD)
    ),
    Operation("GET", f"{_TRACE}/records/{{span_id}}", "The record of a span.", records.get_record, "OneRecord"),
    Operation("PUT", _TAG, "Set a tag.", annotate.set_tag, body="TagValue", status=204, writes=True, roles="write"),
    Operation("DELETE", _TAG, "Remove a tag.", annotate.delete_tag, status=204, writes=True),
    Operation(
        "POST",
        f"{_TRACE}/assessments",
        "Give feedback.",
        annotate.add_assessment,
        "Assessment",
        body="NewAssessment",
        status=201,
        writes=True,
        roles="write",
    ),
    Operation(
        "PATCH",
        _ASSESSMENT,
        "Change feedback.",
        annotate.edit_assessment,
        "Assessment",
        body="EditAssessment",
        writes=True,
    ),
    Operation("DELETE", _ASSESSMENT, "Delete feedback.", annotate.delete_assessment, status=204, writes=True),
    Operation("GET", "/attachments/{digest}", "Binary content.", attachments.get_attachment, "Binary"),
    Operation("GET", "/filter/check", "Check a filter.", completion.check_filter, "FilterCheck", (FILTER,)),
    Operation(
        "GET", "/filter/complete", "Complete a filter.", completion.complete_filter, "Completion", (FILTER, _CURSOR)
    ),
    Operation("GET", "/sessions", "List sessions.", overview.list_sessions, "SessionPage", (*SELECTION, _MOST, *PAGE)),
    Operation(
        "GET", "/sessions/{session_id:path}", "A session's conversation.", overview.get_session, "Conversation", PAGE
    ),
    Operation(
        "GET",
        "/statistics",
        "Calls, errors, latency, tokens, cost.",
        overview.statistics,
        "Statistics",
        (*SELECTION, _GROUP_BY, _INTERVAL, _LATENCY),
    ),
    Operation("GET", "/audit", "What was spent without need.", findings.audit, "Audit", (*SELECTION, _AUDITED)),
    Operation("GET", f"{_TRACE}/diff", "Where two traces part.", findings.compare, "TraceDiff", (_OTHER, _IGNORE)),
    Operation("GET", "/feedback", "Feedback by name.", overview.list_feedback, "FeedbackSums", SELECTION),
    Operation("GET", "/versions", "Versions of apps.", overview.list_versions, "Versions", SELECTION),
    Operation(
        "GET",
        "/models",
        "Details of versions.",
        overview.list_models,
        "Models",
        (_MODEL_ID, _NAME, _LONGEST),
        roles="either",
    ),
    Operation(
        "GET",
        "/registered",
        "Prompts and registered models.",
        overview.list_registered,
        "Registered",
        _REGISTERED,
        roles="either",
    ),
    Operation(
        "POST",
        "/prompts",
        "Register a prompt.",
        prompts.register_prompt,
        "RegisteredVersion",
        body="NewPrompt",
        status=201,
        writes=True,
    ),
    Operation("PUT", _ALIAS, "Set an alias.", prompts.set_prompt_alias, body="AliasOf", status=204, writes=True),
    Operation("DELETE", _ALIAS, "Take an alias away.", prompts.delete_prompt_alias, status=204, writes=True),
    Operation(
        "GET", "/models/files", "Versions with files.", model_files.list_models_with_files, "ModelIds", roles="either"
    ),
    Operation("GET", "/models/{model_id}", "One version.", versions.get_version, "WholeVersion"),
    Operation("DELETE", "/models/{model_id}", "Delete a version.", versions.delete_version, status=204, writes=True),
    Operation("GET", _FILES, "Files of a version.", model_files.list_files, "ModelFiles", roles="either"),
    Operation(
        "POST",
        _FILES,
        "Keep the files sent.",
        model_files.keep_files,
        body="FileDigests",
        status=204,
        writes=True,
        roles="write",
    ),
    Operation("DELETE", _FILES, "Delete the files.", model_files.delete_files, status=204, writes=True),
    Operation(
        "GET",
        f"{_FILES}/{{file:path}}",
        "A part of a file.",
        model_files.get_part,
        "Binary",
        (model_files.OFFSET,),
        roles="either",
    ),
    Operation("GET", "/runs", "Runs.", overview.list_runs, "Runs", (_RUN_ID,), roles="either"),
    Operation("POST", "/runs/sums", "Sums of runs.", evaluations.list_run_sums, "RunSums", body="RunIds"),
    Operation(
        "GET",
        "/evaluations",
        "List evaluations.",
        evaluations.list_evaluations,
        "EvaluationPage",
        (_RUN_FILTER, _WORDS, _EVALUATED, *PAGE),
    ),
    Operation(
        "GET",
        "/evaluations/{run_id}",
        "One evaluation, or two compared.",
        evaluations.get_evaluation,
        "EvaluationRows",
        (_BASE, FILTER, _SHOW, _ROW_ORDER, *PAGE),
    ),
    Operation("GET", "/experiments", "Experiments.", overview.list_experiments, "Experiments", roles="either"),
    Operation("GET", "/datasets", "Datasets.", datasets.list_datasets, "Datasets"),
    Operation(
        "POST",
        "/datasets",
        "Make or change a dataset.",
        datasets.write_dataset,
        "Dataset",
        body="NewDataset",
        writes=True,
    ),
    Operation("GET", _DATASET, "One dataset.", datasets.get_dataset, "Dataset"),
    Operation("DELETE", _DATASET, "Delete a dataset.", datasets.delete_dataset, status=204, writes=True),
    Operation("GET", f"{_DATASET}/rows", "Rows of a dataset.", datasets.list_rows, "RowPage", (_ROW_FILTER, *PAGE)),
    Operation("POST", f"{_DATASET}/rows", "Add rows.", datasets.add_rows, "WrittenRows", body="NewRows", writes=True),
    Operation(
        "POST", f"{_DATASET}/rows/delete", "Delete rows.", datasets.delete_rows, "Deleted", body="RowIds", writes=True
    ),
    Operation(
        "PATCH", f"{_DATASET}/rows/{{row_id}}", "Edit a row.", datasets.edit_row, "Row", body="RowChanges", writes=True
    ),
    Operation("GET", "/review-queues", "Review queues.", reviews.list_review_queues, "ReviewQueues"),
    Operation(
        "POST",
        "/review-queues",
        "Make or change a review queue.",
        reviews.write_review_queue,
        "ReviewQueue",
        body="NewReviewQueue",
        writes=True,
    ),
    Operation("GET", _QUEUE, "One review queue.", reviews.get_review_queue, "ReviewQueue"),
    Operation("DELETE", _QUEUE, "Delete a review queue.", reviews.delete_review_queue, status=204, writes=True),
    Operation(
        "GET", f"{_QUEUE}/traces", "What is left.", reviews.list_traces_to_review, "TracePage", (_REVIEWER, *PAGE)
    ),
    Operation("GET", f"{_QUEUE}/progress", "How far it is.", reviews.review_progress, "ReviewProgress", (_REVIEWER,)),
    Operation("GET", "/policies", "Policies of retention.", policies.list_policies, "Policies"),
    Operation(
        "POST", "/policies", "Make or change a policy.", policies.write_policy, "Policy", body="NewPolicy", writes=True
    ),
    Operation("DELETE", "/policies/{name:path}", "Delete a policy.", policies.delete_policy, status=204, writes=True),
    Operation("GET", "/changes", "What changed.", overview.changes, "Changes", (_SINCE_NUMBER, _CHANGES)),
    Operation(
        "POST",
        "/owners/{owner}/gone",
        "A process has ended.",
        records.owner_gone,
        status=204,
        writes=True,
        roles="write",
    ),
    Operation("GET", "/projects", "Projects.", administration.list_projects, "Projects", roles="admin"),
    Operation(
        "POST",
        "/projects",
        "Make a project.",
        administration.create_project,
        "Project",
        body="NewProject",
        status=201,
        writes=True,
        roles="admin",
    ),
    Operation(
        "PATCH",
        _PROJECT,
        "Change a project's limits.",
        administration.change_project,
        "Project",
        body="ProjectLimits",
        writes=True,
        roles="admin",
    ),
    Operation(
        "DELETE",
        _PROJECT,
        "Delete a project.",
        administration.delete_project,
        status=204,
        writes=True,
        roles="admin",
    ),
    Operation("GET", "/keys", "Keys.", administration.list_keys, "Keys", (_OF_PROJECT,), roles="admin"),
    Operation(
        "POST",
        "/keys",
        "Make a key.",
        administration.create_key,
        "MadeKey",
        body="NewKey",
        status=201,
        writes=True,
        roles="admin",
    ),
    Operation(
        "DELETE",
        "/keys/{key_id}",
        "Revoke a key.",
        administration.revoke_key,
        status=204,
        writes=True,
        roles="admin",
    ),
    Operation(
        "GET",
        "/audit-log",
        "What administrators did.",
        administration.list_acts,
        "Acts",
        (LIMIT, _BEFORE),
        roles="admin",
    ),
)
