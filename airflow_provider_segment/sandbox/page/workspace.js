// The workspace as a tree: what there is of each kind, and what it is connected with.
import { $, ask, copyButton, detailHead, element, facts, filled, link, number } from "./dom.js";

const NAMES = {
  source: "Sources", destination: "Destinations", warehouse: "Warehouses", "tracking-plan": "Tracking plans",
  audience: "Audiences", "reverse-etl": "Reverse ETL", space: "Spaces", "computed-trait": "Computed traits",
  function: "Functions", "user-group": "User groups",
};

export const KINDS = Object.keys(NAMES);
export const address = () => "#/workspace";

const form = $("workspace-filters");
const closed = new Set();
let opened = null;
let shown = "";

const keyOf = (kind, id) => `${kind}/${id}`;

function row(kind, item) {
  const [key] = item.facts.writeKeys ?? [];
  const made = element("a", { className: "row thing", href: link(kind, item.id) },
    element("b", { textContent: item.name }), element("span", { className: "user", textContent: item.of ?? "" }),
    element("span", { className: "badge same", textContent: "disabled", hidden: item.facts.enabled !== false }),
    element("code", { textContent: key ?? item.id }));
  made.dataset.key = keyOf(kind, item.id);
  if (made.dataset.key === opened) made.setAttribute("aria-current", "true");
  return element("li", {}, made, key ? copyButton(key, "Copy write key") : copyButton(item.id, "Copy id"));
}

function branch({ kind, total, found, items }) {
  const made = element("details", { open: !closed.has(kind) && total > 0 },
    element("summary", {}, element("h2", { textContent: NAMES[kind] }), element("em", { textContent: found === total ? number(total) : `${number(found)} of ${number(total)}` })),
    element("ul", { className: "rows" }, items.map((item) => row(kind, item)),
      found > items.length ? element("li", { className: "empty", textContent: `The first ${number(items.length)} are shown: search for others.` }) : null,
      total ? null : element("li", { className: "empty", textContent: "None." })));
  made.addEventListener("toggle", () => closed[made.open ? "delete" : "add"](kind));
  return made;
}

export async function refresh() {
  const groups = await ask(`workspace?${new URLSearchParams(filled(form))}`);
  const now = JSON.stringify(groups);
  if (now === shown) return;
  shown = now;
  const focused = $("tree").contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  $("tree").replaceChildren(...groups.map(branch));
  if (focused) $("tree").querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** Show a part of the workspace; with null close it. */
export async function open(kind, id) {
  opened = kind && keyOf(kind, id);
  const detail = $("thing");
  for (const each of $("tree").querySelectorAll("a.row")) {
    if (each.dataset.key === opened) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
  detail.hidden = !kind;
  if (!kind) return;
  const [{ items: [item] }] = await ask(`workspace?${new URLSearchParams({ kind, id })}`);
  if (opened !== keyOf(kind, id)) return;
  if (!item) {
    detail.replaceChildren(detailHead(`No such ${kind.replace("-", " ")}`, address()), element("p", { textContent: `The workspace has none with the id ${id}.` }));
    return;
  }
  const { writeKeys = [], ...others } = item.facts;
  const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  const names = new Map((await ask("workspace")).flatMap((group) => group.items.map((each) => [keyOf(group.kind, each.id), each.name])));
  detail.replaceChildren(
    detailHead(item.name, address()),
    facts([
      ["Id", [element("code", { textContent: item.id }), " ", copyButton(item.id)]],
      ["Of", item.of],
      ...writeKeys.map((key) => ["Write key", [element("code", { textContent: key }), " ", copyButton(key)]]),
      ...Object.entries(others).map(([name, value]) => [name, text(value)]),
      ["Public API", element("code", { textContent: item.path })],
      ["Events", kind === "source" && element("a", { href: `#/events?${new URLSearchParams({ source: id })}`, textContent: "Those of this source" })],
    ].filter(([, value]) => value !== false)),
    ...(item.links.length ? [element("h3", { textContent: "Connected with" }), element("ul", { className: "plain" },
      item.links.map((other) => element("li", {}, `${other.kind.replace("-", " ")} `,
        element("a", { href: link(other.kind, other.id), textContent: names.get(keyOf(other.kind, other.id)) ?? other.id }))))] : []));
}

/** The sources by id, for the names in other views. */
export async function sources() {
  const [group] = await ask("workspace?kind=source");
  return new Map(group.items.map(({ id, name }) => [id, name]));
}

export function start(changed) {
  form.addEventListener("submit", (submitted) => submitted.preventDefault());
  form.addEventListener("input", changed);
}
