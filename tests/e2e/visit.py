"""A visit to GraphiQL: what a person does on the page, and what the page did meanwhile."""

from typing import NamedTuple

from playwright.async_api import ConsoleMessage, Error, Locator, Page, Request, WebSocket


class DemoSignIn(NamedTuple):
    email: str
    password: str


class Visit:
    """A page in a profile of its own, with all that it asked for and complained about."""

    def __init__(self, page: Page, server: str) -> None:
        self.page = page
        self.server = server
        self.asked_for: list[str] = []
        self.complaints: list[str] = []
        self.crashes: list[str] = []
        page.on("request", self._requests)
        page.on("websocket", self._connects)
        page.on("pageerror", self._fails)
        page.on("console", self._says)

    async def open(self) -> None:
        await self.page.goto(f"{self.server}/graphiql")
        await self.page.locator(".graphiql-query-editor .view-line").first.wait_for()

    async def sign_in_as_demo(self) -> None:
        await self.page.get_by_role("button", name="Sign in as the demonstration user").click()
        await self.signed_in_as.wait_for()

    async def sign_in(self, email: str, password: str) -> None:
        await self.page.get_by_role("textbox", name="E-mail").fill(email)
        await self.page.get_by_role("textbox", name="Password").fill(password)
        await self.page.locator(".panel form").get_by_role("button").click()

    async def show_tab(self, name: str) -> None:
        await self.page.get_by_role("tab", name=name).click()

    async def run(self) -> None:
        await self.page.get_by_role("button", name="Execute query").click()

    async def write(self, operation: str) -> None:
        """Replace the tab's operation."""
        await self.page.locator(".graphiql-query-editor .view-line").first.click()
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.insert_text(operation)

    @property
    def signed_in_as(self) -> Locator:
        return self.page.locator(".account-name")

    @property
    def fault(self) -> Locator:
        return self.page.locator(".panel").get_by_role("alert")

    @property
    def operation(self) -> Locator:
        return self.page.locator(".graphiql-query-editor .view-lines")

    @property
    def answer(self) -> Locator:
        return self.page.locator(".graphiql-response .view-lines")

    def _requests(self, request: Request) -> None:
        self.asked_for.append(request.url)

    def _connects(self, socket: WebSocket) -> None:
        self.asked_for.append(socket.url)

    def _fails(self, error: Error) -> None:
        self.crashes.append(str(error))

    def _says(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)
