"""Small workflows to learn on."""

from random import Random

from resolvers.demo.forms import Deployed, Facts, Fault, Flow, Link, Saved, Step
from resolvers.demo.people import ADA, PLAYGROUND

CITIES = ("Stockholm", "Amsterdam", "Bogotá", "Nairobi", "Osaka")


def weather(random: Random) -> Facts:
    return {
        "city": random.choice(CITIES),
        "degrees": random.randint(-8, 34),
        "sky": random.choice(("clear", "cloudy", "light rain", "snow")),
    }


FORECAST = Flow(
    workspace=PLAYGROUND,
    name="Weather for assistants",
    slug="weather",
    description=("The smallest useful MCP tool: a city in, the weather out."),
    tags=("mcp", "example"),
    status="active",
    versions=(Saved(ADA, "A city in, the weather out"), Saved(ADA, "Say it in a sentence")),
    steps=(
        Step(
            "tool",
            "trigger.mcp_tool",
            "get_weather",
            (0, 0),
            {
                "description": "The weather in a city, now.",
                "inputSchema": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}},
                    "required": ["city"],
                },
            },
            ("Asked for {city}",),
        ),
        Step(
            "ask",
            "http.request",
            "Ask the weather service",
            (1, 0),
            {"url": "https://weather.example/now", "query": {"city": "{city}"}},
            ("debug: GET https://weather.example/now", "{degrees} °C, {sky}"),
            (80, 700),
        ),
        Step(
            "say",
            "data.template",
            "Say it in a sentence",
            (2, 0),
            {"template": "It is {degrees} °C in {city}, {sky}."},
            ("It is {degrees} °C in {city}, {sky}.",),
            since=2,
        ),
        Step("reply", "mcp.result", "Give it back", (3, 0), {"format": "text"}, ("Done",)),
    ),
    links=(
        Link("tool", "ask"),
        Link("ask", "reply", until=1),
        Link("ask", "say", since=2),
        Link("say", "reply", since=2),
    ),
    deployed=(Deployed("development", 2, ADA, 22, config={"transport": "streamable-http"}),),
    runs=12,
    rhythm="round the clock",
    trigger="mcp",
    trigger_data={"tool": "get_weather", "client": "inspector/0.9"},
    facts=weather,
    paths=(("tool", "ask", "say", "reply"),),
    given=("city",),
    answers=("city", "degrees", "sky"),
    faults=(Fault("ask", "weather.example knows no city {city}", "NotFound: 404"),),
)

HELLO = Flow(
    workspace=PLAYGROUND,
    name="Hello",
    slug="hello",
    description=("Says hello. Change it, save it, and see what a version is."),
    tags=("example",),
    status="draft",
    versions=(Saved(ADA, "Says hello"),),
    steps=(
        Step("start", "trigger.manual", "When asked", (0, 0), {"inputs": ["name"]}),
        Step("hello", "data.template", "Say hello", (1, 0), {"template": "Hello {name}!"}),
    ),
    links=(Link("start", "hello"),),
)

FLOWS = (FORECAST, HELLO)
