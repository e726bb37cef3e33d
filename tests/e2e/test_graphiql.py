"""What a person meets who opens GraphiQL in a browser that has no network but the server."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from playwright.async_api import Browser, Request, Route, WebSocket, expect
from pyotp.totp import TOTP

from tests.e2e.visit import DemoSignIn, Visit

EXAMPLES = ["NestedGraph", "WorkflowStatistics", "FilterAndPage", "ImportWorkflow"]
"""Those that are tabs on a first visit."""


def refreshes(request: Request) -> bool:
    return "refreshSession" in (request.post_data or "")


async def test_the_page_asks_no_other_host_for_anything(visit: Visit) -> None:
    await expect(visit.page.get_by_role("heading", name="Start here")).to_be_visible()
    hosts = {urlsplit(url).netloc for url in visit.asked_for if not url.startswith("data:")}
    assert hosts == {urlsplit(visit.server).netloc}
    assert visit.complaints == []


async def test_a_newcomer_signs_in_with_one_click(visit: Visit) -> None:
    await visit.sign_in_as_demo()
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_hidden()


async def test_the_nested_graph_runs_and_shows_data(visit: Visit) -> None:
    await visit.sign_in_as_demo()
    await visit.run()
    await expect(visit.answer).to_contain_text('"workspaces"')
    await expect(visit.answer).to_contain_text('"workflows"')
    await expect(visit.answer).not_to_contain_text('"errors"')


async def test_every_example_answers_without_an_error(visit: Visit) -> None:
    await visit.sign_in_as_demo()
    for name in EXAMPLES:
        await visit.show_tab(name)
        async with visit.page.expect_response("**/graphql") as answered:
            await visit.run()
        answer = await (await answered.value).json()
        assert not answer.get("errors"), name
        assert not answer["data"].get("importWorkflow", {}).get("errors"), name


async def open_example(visit: Visit, title: str, name: str) -> None:
    await visit.page.get_by_role("button", name=title).click()
    await expect(visit.page.get_by_role("tab", name=name)).to_be_visible()


async def test_the_example_of_a_log_sends_its_lines(visit: Visit) -> None:
    await visit.sign_in_as_demo()
    await open_example(visit, "Follow a log", "LiveLog")
    await visit.run()
    await expect(visit.answer).to_contain_text('"seq": 1,')


async def test_the_example_of_a_dashboard_is_told_of_changes(visit: Visit) -> None:
    await visit.sign_in_as_demo()
    await open_example(visit, "Watch a workspace", "WatchExecutions")
    await visit.run()
    await expect(visit.answer).to_contain_text('"workspaceExecutions"')
    await expect(visit.answer).not_to_contain_text('"errors"')


async def test_the_example_of_a_refusal_shows_a_typed_error(visit: Visit) -> None:
    await visit.sign_in_as_demo()
    await open_example(visit, "Be refused", "TypedError")
    await visit.run()
    await expect(visit.answer).to_contain_text("InvalidDefinitionError")
    await expect(visit.answer).to_contain_text("UNKNOWN_NODE")


async def test_a_second_factor_is_asked_for_and_a_wrong_code_is_no_dead_end(visit: Visit) -> None:
    email, password = f"{uuid4()}@example.com", "a second thing that i have"
    totp = await enrolled(visit.server, email, password)
    await visit.sign_in(email, password)
    code = visit.page.get_by_role("textbox", name="Code of your authenticator app")
    await expect(code).to_be_focused()
    await code.fill("nonsense")
    await visit.page.keyboard.press("Enter")
    await expect(visit.fault).to_contain_text("code")
    await code.fill(totp.at(datetime.now(UTC) + timedelta(seconds=30)))
    await visit.page.keyboard.press("Enter")
    await expect(visit.signed_in_as).to_have_text("Grace")


async def test_who_has_no_code_goes_back_to_the_password(visit: Visit) -> None:
    email, password = f"{uuid4()}@example.com", "a second thing that i have"
    await enrolled(visit.server, email, password)
    await visit.sign_in(email, password)
    await visit.page.get_by_role("button", name="Sign in with e-mail and password").click()
    await expect(visit.page.get_by_role("textbox", name="Password")).to_be_visible()


async def enrolled(server: str, email: str, password: str) -> TOTP:
    """The authenticator app of a new account."""
    async with httpx.AsyncClient(base_url=server) as client:

        async def do(mutation: str, fields: str, **given: str) -> dict[str, Any]:
            type_ = f"{mutation[0].upper()}{mutation[1:]}Input"
            query = (
                f"mutation ($input: {type_}!)"
                f" {{ {mutation}(input: $input) {{ errors {{ code message }} {fields} }} }}"
            )
            body = {"query": query, "variables": {"input": given}}
            payload = (await client.post("/graphql", json=body)).json()["data"][mutation]
            assert payload["errors"] == []
            return payload

        await do("signUp", "", email=email, password=password, name="Grace")
        session = await do("signIn", "accessToken", email=email, password=password)
        client.headers["Authorization"] = f"Bearer {session['accessToken']}"
        totp = TOTP((await do("beginSecondFactor", "secret", password=password))["secret"])
        await do("confirmSecondFactor", "", code=totp.now())
        return totp


async def test_a_wrong_password_is_said_in_words(visit: Visit, demo: DemoSignIn) -> None:
    await visit.sign_in(demo.email, "not the password")
    await expect(visit.fault).to_contain_text("password")
    await expect(visit.signed_in_as).to_be_hidden()


async def test_an_unknown_api_key_is_said_in_words(visit: Visit) -> None:
    await visit.page.get_by_role("button", name="Use an API key").click()
    await visit.page.get_by_role("textbox", name="API key").fill("mcp_nobody_made_this_one")
    await visit.page.get_by_role("button", name="Use this key").click()
    await expect(visit.fault).to_contain_text("API key")


async def test_a_newcomer_opens_an_account_of_their_own(visit: Visit) -> None:
    await visit.page.get_by_role("button", name="Open an account").click()
    await visit.page.get_by_role("textbox", name="Name").fill("Grace Hopper")
    await visit.sign_in(f"{uuid4()}@example.com", "a password of hers")
    await expect(visit.signed_in_as).to_have_text("Grace Hopper")


async def test_a_person_signs_in_with_the_keyboard_alone(visit: Visit, demo: DemoSignIn) -> None:
    keyboard = visit.page.keyboard
    await visit.page.get_by_role("button", name="Sign in as the demonstration user").focus()
    await keyboard.press("Tab")
    await keyboard.type(demo.email)
    await keyboard.press("Tab")
    await keyboard.type(demo.password)
    await keyboard.press("Enter")
    await expect(visit.signed_in_as).to_be_visible()


async def test_the_explorer_shows_the_fields_of_the_schema(visit: Visit) -> None:
    await visit.page.get_by_role("button", name="Show GraphiQL Explorer").click()
    await expect(visit.page.locator(".graphiql-explorer-root")).to_contain_text("viewer")
    await expect(visit.page.get_by_text("Explorer", exact=True)).to_be_in_viewport()


async def test_a_token_is_renewed_before_it_runs_out(visit: Visit) -> None:
    await visit.page.clock.install()
    await visit.page.reload()
    await visit.sign_in_as_demo()
    async with visit.page.expect_request(refreshes):
        await visit.page.clock.fast_forward("14:30")
    await visit.run()
    await expect(visit.answer).to_contain_text('"workspaces"')


async def test_a_refused_token_is_renewed_and_the_request_repeated(visit: Visit) -> None:
    await visit.sign_in_as_demo()

    async def spoil(route: Route) -> None:
        headers = await route.request.all_headers()
        headers["authorization"] = headers["authorization"][:-8] + "spoiled_"
        await route.continue_(headers=headers)

    await visit.page.route("**/graphql", spoil, times=1)
    async with visit.page.expect_request(refreshes):
        await visit.run()
    await expect(visit.answer).to_contain_text('"workspaces"')


async def test_a_reload_keeps_the_sign_in_and_leaves_no_token_in_storage(visit: Visit) -> None:
    await visit.sign_in_as_demo()
    name = await visit.signed_in_as.inner_text()
    await visit.page.reload()
    await expect(visit.signed_in_as).to_have_text(name)
    kept = await visit.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert "refreshToken" not in kept


async def test_signing_out_forgets_who_it_was(visit: Visit) -> None:
    await visit.sign_in_as_demo()
    await visit.signed_in_as.click()
    async with visit.page.expect_request(lambda request: "signOut" in (request.post_data or "")):
        await visit.page.get_by_role("button", name="Sign out").click()
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await visit.page.reload()
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_subscriptions_are_signed_in_too(visit: Visit) -> None:
    await visit.sign_in_as_demo()
    sent: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(str(frame)))

    visit.page.on("websocket", listen)
    await visit.write("subscription Watch { __typename }")
    await expect(visit.page.get_by_role("tab", name="Watch")).to_be_visible()
    async with visit.page.expect_websocket() as opened:
        await visit.run()
    await (await opened.value).wait_for_event("framereceived")
    opening = json.loads(sent[0])
    assert opening["type"] == "connection_init"
    assert opening["payload"]["authorization"].startswith("Bearer ")


async def test_a_refused_subscription_shows_why(visit: Visit) -> None:
    await visit.write("subscription Watch { nothingOfTheKind }")
    await expect(visit.page.get_by_role("tab", name="Watch")).to_be_visible()
    await visit.run()
    await expect(visit.answer).to_contain_text('"errors"')


async def test_a_closed_example_comes_back_from_the_panel(visit: Visit) -> None:
    await visit.show_tab("FilterAndPage")
    await visit.page.get_by_role("button", name="Close Tab").locator("visible=true").click()
    await expect(visit.page.get_by_role("tab", name="FilterAndPage")).to_have_count(0)
    await visit.page.get_by_role("button", name="Filter and page").click()
    await expect(visit.operation).to_contain_text("FilterAndPage")


async def test_the_page_follows_a_dark_system(browser: Browser, server: str) -> None:
    async with await browser.new_context(color_scheme="dark") as context:
        visit = Visit(await context.new_page(), server)
        await visit.open()
        assert await lightness_of(visit) < 200


async def test_the_page_follows_the_theme_chosen_in_the_settings(visit: Visit) -> None:
    assert await lightness_of(visit) > 600
    await visit.page.get_by_role("button", name="Open settings dialog").click()
    await visit.page.get_by_role("button", name="Dark").click()
    assert await lightness_of(visit) < 200


async def test_a_telephone_shows_the_query_above_its_answer(browser: Browser, server: str) -> None:
    async with await browser.new_context(viewport={"width": 390, "height": 844}) as context:
        visit = Visit(await context.new_page(), server)
        await visit.open()
        await visit.sign_in_as_demo()
        await visit.run()
        await expect(visit.answer).to_contain_text('"data"')
        query = await visit.page.locator(".graphiql-editors").bounding_box()
        answer = await visit.page.locator(".graphiql-response").bounding_box()
        assert query
        assert answer
        assert query["y"] + query["height"] <= answer["y"]
        assert await visit.page.evaluate("document.documentElement.scrollWidth") <= 390


async def lightness_of(visit: Visit) -> int:
    """The sum of red, green and blue behind the bar: 765 is white."""
    colour = await visit.page.locator(".page").first.evaluate(
        "element => getComputedStyle(element).backgroundColor"
    )
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
