// Meets the HTML page in a real Chromium: node page.mjs CHROMIUM NODE_MODULES PAGE...
// Each check that fails is a line; ends with 1 if there is any.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [chromium, modules, ...pages] = process.argv.slice(2);
const require = createRequire(modules + "/");
const browser = await require("playwright-core").chromium.launch({ executablePath: chromium, args: ["--no-sandbox"] });
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
let refused = 0, copies = 0;
const check = (fine, ...words) => {
  if (!fine) refused++;
  if (!fine) console.log("REFUSED", ...words);
};

for (const file of pages) {
  const url = pathToFileURL(file).href;
  for (const [colorScheme, width] of [["light", 1280], ["dark", 1280], ["light", 390], ["dark", 390]]) {
    const at = `${file} ${colorScheme} ${width}`;
    const context = await browser.newContext({
      colorScheme, viewport: { width, height: 900 }, permissions: ["clipboard-read", "clipboard-write"],
    });
    const page = await context.newPage();
    const outside = [], errors = [];
    page.on("request", (it) => it.url().split("#")[0] === url || it.url().startsWith("data:") || outside.push(it.url()));
    page.on("console", (it) => it.type() === "error" && errors.push(it.text()));
    page.on("pageerror", (it) => errors.push(String(it)));
    const begin = Date.now();
    await page.goto(url);
    const loaded = Date.now() - begin;
    const findings = await page.locator(".finding").count();
    const big = findings > 1000;
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(wide <= 0, at, "is wider than its window by", wide);
    if (findings > 5) await use(page, url, at, findings);
    if (!big) {
      await page.evaluate(() => [...document.querySelectorAll("details")].slice(0, 8).forEach((it) => { it.open = true; }));
      await page.waitForTimeout(50);
      const found = await page.evaluate(`${axe}; axe.run(document).then((it) => it.violations.map((one) => one.id + " " + one.nodes[0].html))`);
      check(found.length === 0, at, "axe:", found);
      check((await page.pdf()).length > 10_000, at, "prints nothing");
    }
    check(outside.length === 0, at, "asks for", outside);
    check(errors.length === 0, at, "errors", errors);
    console.log(`${at}: ${findings} findings, loaded in ${loaded} ms`);
    await context.close();
  }
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(url);
  check((await page.locator("h2").count()) >= 10, file, "has no content without scripts");
  check((await page.locator("#tools:visible").count()) === 0, file, "shows tools that need scripts");
  await context.close();
}

async function use(page, url, at, findings) {
  const shown = () => page.textContent("#shown");
  const settled = () => page.waitForTimeout(80).then(() => page.evaluate(() => document.body.offsetHeight));
  let begin = Date.now();
  await page.fill("#q", "aws");
  await settled();
  const searched = Date.now() - begin;
  check(/^\d+ of/.test(await shown()) && page.url().endsWith("#q=aws"), at, "search", await shown(), page.url());
  begin = Date.now();
  await page.selectOption("#sort", "age");
  await settled();
  const sorted = Date.now() - begin;
  await page.click("#clear");
  const ages = await page.evaluate(() => {
    const sort = document.getElementById("sort");
    sort.value = "age";
    sort.dispatchEvent(new Event("input", { bubbles: true }));
    return new Promise((done) => setTimeout(() => done([...document.querySelectorAll(".finding")].map((it) => Number(it.dataset.age ?? -1))), 100));
  });
  check(ages.every((age, rank) => rank === 0 || age <= ages[rank - 1]), at, "sort by age");
  await page.click("#clear");
  const first = page.locator(".finding", { has: page.locator("code.copy") }).first();
  // Not every report tells of a command.
  if (await first.count()) {
    await first.locator("summary").click();
    const button = first.locator("button.mini").first();
    await button.click();
    await page.waitForTimeout(50);
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    check(copied === await first.locator("code.copy").first().textContent(), at, "copied", copied);
    copies += 1;
  }
  const id = await page.locator(".finding").nth(5).getAttribute("id");
  await page.goto(`${url}#${id}`);
  await page.waitForTimeout(50);
  check(await page.locator(`#${id} details`).first().evaluate((it) => it.open), at, "a link to a finding does not open it");
  check(searched < 5_000 && sorted < 5_000, at, "slow: search", searched, "sort", sorted);
  console.log(`${at}: search ${searched} ms, sort ${sorted} ms of ${findings}`);
}

check(copies > 0, "no page has a command to copy");
await browser.close();
process.exit(refused ? 1 : 0);
