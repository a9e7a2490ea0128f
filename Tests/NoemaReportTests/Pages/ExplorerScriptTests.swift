import Foundation
@testable import NoemaReport
import Testing

/// The plot's script in a document made of stand-ins, where there is Node.js.
@Suite struct ExplorerScriptTests {
  /// Runs the script over 10,000 points whose names are hostile, then statements that print.
  ///
  /// - Returns: the lines; nil without Node.js.
  private func run(_ statements: String) throws -> [String]? {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "noema-explorer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("page.js")
    try Data((Self.document + ExplorerScript.source + "\n" + statements).utf8).write(to: file)
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["node", file.path]
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    // 127: there is no such program.
    if process.terminationStatus == 127 { return nil }
    #expect(process.terminationStatus == 0)
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test func plotsAreMadeWhenTheyComeNear() throws {
    let lines = try run(
      """
      print(part("keys").children.length);
      near();
      print(part("keys").children.map((button) => button.textContent).join("|"));
      print(part("tools").children.map((button) => button.textContent).join("|"));
      print(stamps >= 10000);
      """)
    guard let lines else { return }
    #expect(
      lines == [
        "0", "strategy 1, 25 %|strategy 2, 25 %|strategy 3, 25 %|no strategy, 25 %",
        "Lasso|Rectangle|Clear|Zoom to selection|Whole plot", "true",
      ])
  }

  @Test func hoveringSelectingAndPinningWork() throws {
    let lines = try run(
      """
      near();
      const at = (x, y) => ({ button: 0, clientX: x, clientY: y, pointerId: 1 });
      fire(plot, "pointermove", at(150, 120));
      print(part("tip").hidden, part("tip").textContent.includes("onerror"));
      fire(plot, "pointerleave");
      print(part("tip").hidden);
      part("tools").children[1].fire("click");
      fire(plot, "pointerdown", at(0, 0));
      fire(plot, "pointermove", at(700, 560));
      fire(plot, "pointerup", at(700, 560));
      print(part("said").textContent);
      part("keys").children[2].fire("click", { shiftKey: false });
      print(part("said").textContent, part("keys").children.map((key) => key.attributes["aria-pressed"]).join());
      part("tools").children[0].fire("click");
      fire(plot, "pointerdown", at(20, 20));
      for (const [x, y] of [[20, 540], [680, 540], [680, 20]]) fire(plot, "pointermove", at(x, y));
      fire(plot, "pointerup", at(680, 20));
      print(Number(part("said").textContent.split(" ")[0]) > 9000);
      fire(plot, "pointerdown", at(150, 120));
      fire(plot, "pointerup", at(150, 120));
      print(part("pins").children.length);
      const card = part("pins").children[0];
      card.children[card.children.length - 1].fire("click");
      print(part("pins").children.length);
      """)
    guard let lines else { return }
    #expect(
      lines == [
        "false true", "true", "10000 examples selected.", "2500 examples selected. false,false,true,false",
        "true", "1", "0",
      ])
  }

  @Test func keysDoWhatThePointerDoes() throws {
    let lines = try run(
      """
      near();
      const key = (name) => fire(plot, "keydown", { key: name });
      key("ArrowRight");
      const first = part("said").textContent;
      print(first.includes("strategy"), part("tip").hidden);
      key("ArrowLeft");
      print(part("said").textContent !== first);
      key("Enter");
      print(part("pins").children.length, part("said").textContent.endsWith(" pinned."));
      key("c");
      print(part("said").textContent);
      key("Escape");
      print(part("said").textContent);
      """)
    guard let lines else { return }
    #expect(lines == ["true false", "true", "1 true", "2500 examples selected.", "Nothing selected."])
  }

  @Test func namesReachThePageAsWordsOnly() throws {
    let lines = try run(
      """
      near();
      part("keys").children[0].fire("click", { shiftKey: false });
      print(made.filter((name) => ["img", "script", "iframe"].includes(name)).length);
      print(part("chosen").textContent.includes("</script><img src=x onerror=alert(1)>"));
      """)
    guard let lines else { return }
    #expect(lines == ["0", "true"])
  }

  /// Stand-ins for what the script uses of a browser, and 10,000 points in four clusters.
  private static let document = #"""
    let stamps = 0;
    const made = [], frames = [];
    class Element {
      constructor(name) {
        Object.assign(this, { name, children: [], listeners: {}, attributes: {}, style: {}, dataset: {} });
        Object.assign(this, { className: "", words: "", hidden: false, disabled: false, complete: true });
      }
      getContext() {
        return new Proxy({}, {
          get: (kept, name) => name in kept ? kept[name] : () => { if (name === "drawImage") stamps++; },
          set: (kept, name, value) => { kept[name] = value; return true; },
        });
      }
      addEventListener(name, action) { (this.listeners[name] ??= []).push(action); }
      fire(name, event = {}) {
        for (const action of this.listeners[name] ?? []) action({ preventDefault() {}, ...event });
      }
      setAttribute(name, value) { this.attributes[name] = value; }
      append(...parts) { this.children.push(...parts); }
      prepend(...parts) { this.children.unshift(...parts); }
      replaceChildren(...parts) { this.children = parts; }
      get textContent() { return this.words + this.children.map((child) => child.textContent).join(""); }
      set textContent(text) { this.words = String(text); }
      querySelector(selector) {
        for (const child of this.children) {
          const found = "." + child.className === selector ? child : child.querySelector(selector);
          if (found) return found;
        }
        return null;
      }
      getBoundingClientRect() { return { left: 0, top: 0, width: 700, height: 560 }; }
      setPointerCapture() {}
    }
    const root = new Element("div"), list = new Element("script"), sheet = new Element("img");
    root.dataset.points = "points";
    for (const name of ["plot", "tip", "keys", "tools", "said", "pins", "chosen"]) {
      const child = new Element("div");
      child.className = name;
      root.append(child);
    }
    const part = (name) => root.querySelector("." + name), plot = part("plot");
    const fire = (element, name, event) => {
      element.fire(name, event);
      while (frames.length > 0) frames.shift()();
    };
    const print = (...values) => console.log(values.join(" "));
    const points = { x: [], y: [], cluster: [], name: [], label: [], prediction: [], silhouette: [], tile: [] };
    for (let i = 0; i < 10000; i++) {
      points.x.push((i * 7919) % 65536);
      points.y.push((i * 104729) % 65536);
      points.cluster.push(i % 4 === 3 ? -1 : i % 4);
      points.name.push("</script><img src=x onerror=alert(1)>" + i);
      points.label.push(0);
      points.prediction.push(0);
      points.silhouette.push(i % 2 === 0 ? 50 : null);
      points.tile.push(i);
    }
    points.words = ["</script><img src=x onerror=alert(1)>"];
    points.clusters = [0, 1, 2, -1].map((number) =>
      ({ number, name: number < 0 ? "no strategy" : "strategy " + (number + 1), share: "25 %" }));
    points.sheets = [{ id: "sheet", title: "image", cell: 40, columns: 100, count: 10000 }];
    list.textContent = JSON.stringify(points);
    const document = {
      createElement: (name) => { made.push(name); return new Element(name); },
      getElementById: (name) => ({ points: list, sheet })[name],
      documentElement: {}, querySelectorAll: () => [root],
    };
    const window = {
      devicePixelRatio: 1, matchMedia: () => ({ addEventListener() {} }), addEventListener() {},
    };
    const getComputedStyle = () => ({ getPropertyValue: () => "#123456" });
    const requestAnimationFrame = (draw) => frames.push(draw);
    class ResizeObserver { observe() {} }
    let near = () => {};
    class IntersectionObserver {
      constructor(action) {
        near = () => { action([{ isIntersecting: true, target: root }]); while (frames.length > 0) frames.shift()(); };
      }
      observe() {}
      unobserve() {}
    }

    """#
}
