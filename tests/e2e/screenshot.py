"""Takes docs/images/graphiql.png: ``python -m tests.e2e.screenshot http://127.0.0.1:8000``, of a
server with the demonstration. Look at it before it is committed."""

import asyncio
import shutil
import sys
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests.e2e.visit import Visit

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "graphiql.png"


async def take(server: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu", "--font-render-hinting=none"],
        )
        page = await browser.new_page(viewport={"width": 1280, "height": 1040})
        visit = Visit(page, server)
        await visit.open()
        await visit.sign_in_as_demo()
        await page.get_by_role("button", name="Hide Examples").click()
        await page.mouse.move(640, 20)
        await visit.run()
        await visit.answer.get_by_text('"level"').first.wait_for()
        await page.mouse.move(640, 20)
        await page.get_by_role("tooltip").wait_for(state="detached")
        for editor in (".graphiql-query-editor", ".graphiql-response"):
            scrollbar = page.locator(
                f"{editor} .monaco-scrollable-element > .scrollbar.vertical"
            ).first
            await expect(scrollbar).to_have_css("opacity", "0")
        await page.screenshot(path=IMAGE)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1]))
