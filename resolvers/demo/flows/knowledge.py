"""Answers from what the company has written down, offered to assistants as an MCP tool."""

from random import Random

from resolvers.demo.forms import Deployed, Facts, Fault, Flow, Link, Saved, Step
from resolvers.demo.people import ACME, ADA, NOOR

QUESTIONS = (
    ("How many days of leave can I carry over?", "handbook/leave.md"),
    ("What is the rule for travel by train?", "handbook/travel.md"),
    ("How do I rotate the warehouse's database password?", "runbooks/rotate-password.md"),
    ("Who signs a contract above 50,000 euros?", "finance/signatures.md"),
    ("Which countries do we ship lithium batteries to?", "logistics/dangerous-goods.md"),
    ("How is a refund booked when the order had a voucher?", "finance/refunds.md"),
)


def question(random: Random) -> Facts:
    text, source = random.choice(QUESTIONS)
    found = random.randint(4, 12)
    return {
        "question": text,
        "source": source,
        "found": found,
        "kept": random.randint(2, 4),
        "best": round(random.uniform(0.74, 0.95), 2),
        "tokens": random.randint(900, 4200),
        "sentences": random.randint(2, 6),
        "grounded": round(random.uniform(0.88, 1.0), 2),
    }


ANSWERS = Flow(
    workspace=ACME,
    name="Knowledge base answers",
    slug="knowledge-answers",
    description=(
        "An MCP tool that answers questions from handbook, runbooks and policies, and names "
        "its sources. Says so when it does not know."
    ),
    tags=("mcp", "rag", "ai"),
    status="active",
    versions=(
        Saved(ADA, "Search and answer"),
        Saved(ADA, "Rank again before answering: the right page was often fourth"),
        Saved(NOOR, "Refuse to answer without a source"),
        Saved(ADA, "Check every sentence against the sources"),
    ),
    steps=(
        Step(
            "tool",
            "trigger.mcp_tool",
            "answer_question",
            (0, 1),
            {
                "description": "Answer a question about how Acme works, with sources.",
                "inputSchema": {
                    "type": "object",
                    "properties": {"question": {"type": "string", "maxLength": 500}},
                    "required": ["question"],
                },
            },
            ("Asked: “{question}”",),
        ),
        Step(
            "embed",
            "ai.embed",
            "Embed the question",
            (1, 1),
            {"model": "embed-small", "dimensions": 768},
            ("debug: 768 dimensions",),
            (30, 140),
        ),
        Step(
            "search",
            "vector.search",
            "Search the knowledge base",
            (2, 1),
            {"collection": "handbook", "limit": 12},
            ("{found} passages found, the best at {best}",),
            (12, 90),
        ),
        Step(
            "rank",
            "ai.rerank",
            "Rank them again",
            (3, 1),
            {"keep": 4},
            ("{kept} of {found} passages kept; first is {source}",),
            (120, 600),
            since=2,
        ),
        Step(
            "enough",
            "flow.if",
            "Is there a source?",
            (4, 1),
            {"left": "passages.length", "greaterThan": 0},
            since=3,
        ),
        Step(
            "answer",
            "ai.agent",
            "Answer from the passages",
            (5, 0),
            {"cite": True, "maxWords": 150},
            ("debug: {tokens} tokens of context", "Answered in {sentences} sentences"),
            (900, 4300),
        ),
        Step(
            "model",
            "ai.model",
            "Large model",
            (5, 2),
            {"model": "large-instruct", "temperature": 0},
        ),
        Step(
            "check",
            "ai.verify",
            "Check every sentence",
            (6, 0),
            {"atLeastPercent": 80},
            ("Grounded at {grounded}",),
            (300, 1500),
            since=4,
        ),
        Step(
            "reply",
            "mcp.result",
            "Give the answer",
            (7, 1),
            {"format": "markdown"},
            ("Answer given, with {source}",),
        ),
    ),
    links=(
        Link("tool", "embed"),
        Link("embed", "search"),
        Link("search", "answer", until=1),
        Link("search", "rank", since=2),
        Link("rank", "answer", since=2, until=2),
        Link("rank", "enough", since=3),
        Link("enough", "answer", "yes", since=3),
        Link("enough", "reply", "no", since=3),
        Link("model", "answer", kind="ai_model"),
        Link("answer", "reply", until=3),
        Link("answer", "check", since=4),
        Link("check", "reply", since=4),
    ),
    deployed=(
        Deployed("production", 3, ADA, 24, config={"instances": 3, "transport": "streamable-http"}),
        Deployed("staging", 4, ADA, 6, config={"instances": 1, "transport": "streamable-http"}),
        Deployed("development", 4, NOOR, 0.01, "deploying", None, {"instances": 1}),
    ),
    runs=34,
    rhythm="round the clock",
    trigger="mcp",
    trigger_data={"tool": "answer_question", "client": "acme-assistant/1.4"},
    facts=question,
    paths=(("tool", "embed", "search", "rank", "enough", "answer", "check", "reply"),),
    given=("question",),
    answers=("source", "sentences", "grounded"),
    faults=(
        Fault(
            "answer",
            "The model refused: 4,310 tokens of context are more than its 4,096",
            "ContextTooLong: 4310 > 4096",
        ),
        Fault("search", "The collection “handbook” is being rebuilt", "NotReady: handbook"),
        Fault("answer", "The model did not answer within 30 s", ending="timeout"),
        Fault("answer", "Cancelled by the client", ending="cancelled"),
    ),
    running=(2,),
)

FLOWS = (ANSWERS,)
