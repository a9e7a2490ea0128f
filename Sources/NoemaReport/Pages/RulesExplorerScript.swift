extension RulesExplorer {
  /// What the page runs. Names from data reach it as text nodes only, and nothing is fetched.
  static let script = #"""
    "use strict";
    (() => {
      const make = (name, className, ...content) => {
        const element = document.createElement(name);
        if (className) element.className = className;
        element.append(...content);
        return element;
      };

      const holds = (literal, value) => {
        if (value === undefined || value === null) return literal.missing;
        if (literal.levels) return literal.levels.includes(value);
        return !(literal.low !== undefined && value <= literal.low)
          && !(literal.high !== undefined && value > literal.high);
      };

      const meets = (condition, values) => {
        const count = condition.literals.filter((literal) => holds(literal, values[literal.feature])).length;
        return (count >= condition.atLeast) !== condition.negated;
      };

      const shownValue = (feature, value) => {
        if (value === undefined || value === null) return "missing";
        if (feature.levels) return feature.levels[value];
        return value + (feature.unit ? " " + feature.unit : "");
      };

      // The rules that hold, and how many conditions each of the others fails.
      const tryRules = (content, row) => {
        const tried = content.rules.map((rule, index) => ({
          rule, index, failing: rule.conditions.filter((condition) => !meets(condition, row.values)).length,
        }));
        const fires = tried.filter((entry) => !entry.rule.otherwise && entry.failing === 0);
        const otherwise = tried.filter((entry) => entry.rule.otherwise && fires.length === 0);
        const near = tried.filter((entry) => entry.failing > 0)
          .sort((a, b) => a.failing - b.failing || a.index - b.index);
        return { fires: fires.concat(otherwise), near };
      };

      const card = (content, entry, row, note) => {
        const rule = entry.rule;
        const link = make("a", "", rule.name);
        link.href = "#rule-" + (entry.index + 1);
        const list = make("ul", "");
        for (const condition of rule.conditions) {
          const isMet = meets(condition, row.values);
          list.append(make("li", isMet ? "met" : "failed", (isMet ? "✓ " : "✗ ") + condition.text));
        }
        return make("div", "card" + (note ? " fires" : ""),
          make("h3", "", link, ": " + content.classes[rule.conclusion], make("small", "", note)), list);
      };

      const explore = (root) => {
        const content = JSON.parse(document.getElementById(root.dataset.content).textContent);
        const part = (name) => root.querySelector("." + name);
        const input = part("row");
        let place = 0;

        const show = () => {
          const row = content.rows[place];
          input.value = row.number;
          const words = ["the network says " + content.classes[row.network],
            "the rules say " + content.classes[row.rules]];
          if (row.truth !== undefined) words.push("the true class is " + content.classes[row.truth]);
          part("answers").className = "answers" + (row.network === row.rules ? "" : " differ");
          part("answers").replaceChildren("Row " + row.number + ": " + words.join(", ") + ".");

          const body = make("tbody", "");
          content.features.forEach((feature, index) => body.append(make("tr", "",
            make("td", "", feature.name), make("td", "number", shownValue(feature, row.values[index])))));
          part("values").replaceChildren(make("table", "", body));

          const { fires, near } = tryRules(content, row);
          const cards = fires.map((entry, index) =>
            card(content, entry, row, content.form === "list" && index > 0 ? "holds, but comes later" : "fires"));
          part("tried").replaceChildren(...cards, ...near.slice(0, 4).map((entry) => card(content, entry, row, "")));
        };

        const go = (next) => {
          place = Math.min(Math.max(next, 0), content.rows.length - 1);
          show();
        };
        input.addEventListener("change", () => {
          const wanted = Number(input.value);
          const found = content.rows.findIndex((row) => row.number >= wanted);
          go(found < 0 ? content.rows.length - 1 : found);
        });
        part("previous").addEventListener("click", () => go(place - 1));
        part("next").addEventListener("click", () => go(place + 1));
        part("differing").addEventListener("click", () => {
          for (let step = 1; step <= content.rows.length; step += 1) {
            const next = (place + step) % content.rows.length;
            if (content.rows[next].network !== content.rows[next].rules) return go(next);
          }
        });
        input.max = content.rows[content.rows.length - 1].number;
        part("differing").disabled = content.rows.every((row) => row.network === row.rules);
        show();
      };

      for (const root of document.querySelectorAll(".rows")) explore(root);
    })();
    """#

  /// The look of rules and of this part, beside the common stylesheet.
  static let style = """
    .cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); }
    .card { border: 1px solid var(--rule); border-radius: 8px; padding: 11px 14px; font-size: 14px; }
    .card h3 { margin: 0 0 6px; display: flex; align-items: baseline; gap: 4px; flex-wrap: wrap; }
    .card h3 small { margin-left: auto; color: var(--muted); font-weight: 400; font-size: 12.5px; }
    .card ul { list-style: none; padding: 0; margin: 0 0 6px; } .card .range { margin: 0; }
    .card .facts { color: var(--muted); font-size: 12.5px; margin: 4px 0 0; }
    .card.fires { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
    .card .failed { color: var(--warn); }
    .swatch { width: 14px; height: 14px; vertical-align: -2px; margin-right: 5px; align-self: center; }
    .rows .tools { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 12px; align-items: center; font-size: 14px; }
    .rows input { font: inherit; width: 6.5em; color: var(--ink); background: var(--card); padding: 3px 6px;
      border: 1px solid var(--rule); border-radius: 6px; }
    .rows button { font: inherit; font-size: 13px; color: var(--ink); background: var(--card); cursor: pointer;
      border: 1px solid var(--rule); border-radius: 6px; padding: 3px 9px; }
    .rows button:hover:not(:disabled) { border-color: var(--accent); }
    .rows button:focus-visible, .rows input:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
    .rows button:disabled { opacity: 0.45; cursor: default; }
    .rows .answers { font-weight: 600; margin: 0 0 10px; } .rows .answers.differ { color: var(--warn); }
    .rows .parts { display: grid; gap: 14px 24px; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr);
      align-items: start; }
    .rows .values { max-height: 520px; overflow-y: auto; }
    .rows .tried { display: grid; gap: 10px; }
    @media (max-width: 760px) { .rows .parts { grid-template-columns: minmax(0, 1fr); } }
    @media print { .rows .tools { display: none; } .card { break-inside: avoid; } }
    """
}
