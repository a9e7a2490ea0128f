import Foundation
import NoemaTensor
import NoemaTestSupport
import Testing

/// Tables, networks and settings from which no rules come: each has its exit code and a sentence that says what was
/// found where, and leaves nothing behind.
@Suite struct RulesRefusalsTests {
  private typealias Case = RefusedCommand

  private static let network = "--model net.onnx --data train.csv"
  private static let whole = "\(network) --test test.csv --label class"

  private static let tables = [
    Case(
      65, "--model net.onnx --data constant.csv --label class",
      "constant.csv: column 'class': every row has the label 'yes'; rules need at least two classes"),
    Case(
      65, "\(network) --test short.csv --label class",
      "short.csv: no column named 'colour', which the rules read; did you mean 'color'?"),
    Case(65, "\(network) --test unlabelled.csv --label class", "unlabelled.csv: no column named 'class'"),
    Case(
      65, "\(network) --test unseen.csv --label class",
      "unseen.csv: row 2, column 'colour': 'violet' is none of the categories 'blue', 'green', 'red'; map it to one of "
        + "them or to a missing value"),
    Case(
      65, "\(network) --test strange.csv --label class",
      "strange.csv: column 'class': row 2: the class 'maybe' is none of 'no', 'yes'"),
    Case(
      65, "\(network) --test word.csv --label class",
      "word.csv: row 1, column 'x': 'tall' is not a finite number"),
    Case(
      65, "--model net.onnx --data empty-column.csv --label class",
      "empty-column.csv: column 'y' has no value in any row; leave the column out"),
    Case(
      65, "--model net.onnx --data twice.csv --label class",
      "twice.csv: two columns are named 'x'; rename one"),
    Case(65, "--model net.onnx --data test.csv --label clas", "no column named 'clas'"),
    Case(
      65, "--model net.onnx --data three.csv --label class",
      "three.csv: column 'class': 3 classes ('maybe', 'no', 'yes'), but the network tells 2 apart; leave out the "
        + "rows of other classes, or name the column that it was trained for"),
    Case(
      65, "--model net.onnx --data one.csv --label class",
      "one.csv: the table has 1 example, at least 2 are needed; add examples"),
    Case(
      65, "--model net.onnx --data holes.csv --test test.csv --label class",
      "row 3, column 'x': the value is missing, and the network needs a number; fill it in, or leave the row out"
    ),
    Case(65, "--model net.onnx --data nobody.csv --label class", "nobody.csv"),
    Case(65, "\(whole) --classes three.txt", "3 class names for the network's 2 scores, expected 2"),
    Case(65, "\(whole) --classes other.txt", "the class 'no' is none of 'nay', 'yes'"),
    Case(66, "--model net.onnx --data gone.csv --label class", "gone.csv: no such file"),
    Case(66, "\(network) --test gone.csv --label class", "gone.csv: no such file"),
    Case(66, "\(whole) --classes gone.txt", "gone.txt: no such file"),
  ]

  private static let networks = [
    Case(
      65, "\(whole) --exclude y",
      "input 'input': the network takes [batch, 5]; a table of 2 features needs [N, columns] with 2 columns (one a "
        + "feature), or 4 (one a level of each category), in the order x, colour"),
    Case(
      65, "--model images.onnx --data train.csv --label class --classes three.txt",
      "the network takes [batch, 1, 8, 8]"),
    Case(65, "\(whole) --output logit", "no output named 'logit'; its outputs are [\"logits\"]"),
    Case(65, "\(whole) --mean 1,2 --std 1,2", "found 2 scalings of the network's columns, expected 5"),
    Case(2, "\(whole) --mean 1,2 --std 1,2,3", "--mean has 2 numbers and --std 3."),
    Case(
      2, "\(whole) --mean 0,0,0,0,0 --std 1,1,0,1,1",
      "column 3: mean and scale must be finite and the scale not 0"),
    Case(2, "\(whole) --method eclaire --layers relu7", "relu7"),
    Case(66, "--model gone.onnx --data train.csv --label class", "gone.onnx"),
    Case(65, "--model train.csv --data train.csv --label class", "train.csv: not a valid ONNX model"),
  ]

  private static let flags = [
    Case(2, "\(whole) --method tre", "no method named 'tre'; did you mean 'tree', "),
    Case(2, "\(whole) --method remd", "no method named 'remd'; did you mean 'rem-d'"),
    Case(2, "\(whole) --max-rules 0", "'0' is invalid for '--max-rules"),
    Case(2, "\(whole) --max-rules most", "'most' is invalid for '--max-rules"),
    Case(2, "\(whole) --curve 2,four", "--curve expects sizes with commas between, or none, found '2,four'."),
    Case(2, "\(whole) --repeats=-1", "--repeats must be 0 or more, found -1."),
    Case(2, "\(whole) --queries 0", "--queries must be 1 or more, found 0."),
    Case(
      2, "\(whole) --method anchors --queries 9",
      "--method anchors generates no queries, so --queries says nothing."),
    Case(2, "\(whole) --layers relu1", "--layers is for methods that look inside; --method tree asks only."),
    Case(
      2, "\(network) --test test.csv --method rem-t",
      "--method rem-t learns from true classes; name their column with --label."),
    Case(2, "\(whole) --method soft-tree --depth 0", "depth"),
    Case(
      2, "\(whole) --columns x,y,colour --exclude y",
      "--columns names the inputs, so that nothing is left to --exclude."),
    Case(65, "\(whole) --columns x,y,x", "two columns are named 'x'"),
    Case(
      65, "\(whole) --columns x,y,color",
      "train.csv: no column named 'color', which the rules read; did you mean 'colour'?"),
    Case(65, "\(whole) --exclude key", "train.csv: no column named 'key'"),
    Case(
      2, "\(whole) --levels colour",
      "--levels expects COLUMN=LEVEL,LEVEL,… of two or more levels, found 'colour'."),
    Case(2, "\(whole) --ordinal colour=red,red", "--ordinal expects COLUMN=LEVEL,LEVEL,…"),
    Case(
      2, "\(whole) --levels colour=red,green --categorical colour",
      "The column 'colour' is named twice among --integer, --categorical, --levels and --ordinal."),
    Case(
      65, "\(whole) --levels colour=red,green",
      "column 'colour': 'blue' is none of the categories 'red', 'green'"),
    Case(65, "\(whole) --levels color=red,green", "train.csv: no column named 'color'"),
    Case(65, "\(whole) --ordinal colour=red,green,blue", "a table of 3 features needs"),
    Case(
      2, "\(whole) --method anchors --min-cases 3",
      "--method anchors grows no trees, so --min-cases says nothing."),
    Case(
      2, "\(whole) --min-cases 0",
      "--min-cases must be a share above 0 or a number of rows, found 0.0."),
    Case(65, "\(whole) --integer x", "train.csv: row 1, column 'x'"),
    Case(2, "\(whole) --mean 1,2,3,4,5", "Give --mean and --std together, a number for each input column."),
    Case(2, "\(whole) --mean one --std 1", "--mean expects numbers with commas between, found 'one'."),
    Case(2, "--data train.csv --label class", "--model"),
    Case(2, "\(whole) -o taken", "taken"),
  ]

  private func workspace() throws -> Workspace {
    let workspace = try RulesScene.workspace()
    try TinyModel.image().write(to: workspace.file("images.onnx"))
    let header = "x,y,colour,class\n"
    try workspace.write(header + "1.05,2.05,red,yes\n9.05,1.05,blue,yes\n", "constant.csv")
    try workspace.write("x,y,color,class\n1.05,2.05,red,yes\n", "short.csv")
    try workspace.write("x,y,colour\n1.05,2.05,red\n", "unlabelled.csv")
    try workspace.write(header + "1.05,2.05,red,yes\n1.05,2.05,violet,yes\n", "unseen.csv")
    try workspace.write(header + "1.05,2.05,red,yes\n1.05,2.05,red,maybe\n", "strange.csv")
    try workspace.write(header + "tall,2.05,red,yes\n", "word.csv")
    try workspace.write(header + "1.05,,red,yes\n9.05,?,blue,no\n", "empty-column.csv")
    try workspace.write("x,y,x,class\n1.05,2.05,3.05,yes\n", "twice.csv")
    try workspace.write(header + "1.05,2.05,red,yes\n2.05,2.05,red,no\n3.05,2.05,red,maybe\n", "three.csv")
    try workspace.write(header + "1.05,2.05,red,yes\n", "one.csv")
    try workspace.write(header, "nobody.csv")
    let rows = RulesScene.rows(60, seed: 3)
    let holes = rows.enumerated().map { index, row in
      "\(index == 2 || index == 40 ? "" : "\(row.x)"),\(row.y),\(row.colour),\(row.answer)\n"
    }
    try workspace.write(header + holes.joined(), "holes.csv")
    try workspace.write("no\nyes\nmaybe\n", "three.txt")
    try workspace.write("nay\nyes\n", "other.txt")
    try workspace.write("mine", "taken/mine.txt")
    return workspace
  }

  @Test(arguments: tables + networks + flags)
  func whatDoesNotFitIsExplained(_ row: RefusedCommand) throws {
    let out = row.arguments.contains("-o ") ? [] : ["-o", "out"]
    try row.check(in: workspace(), first: ["rules"], last: out)
  }

  /// Methods that look inside name a network without hidden layers.
  @Test(arguments: ["eclaire", "rem-d", "deepred", "cred"])
  func networksWithoutHiddenLayersAreNamed(_ method: String) throws {
    let workspace = try workspace()
    var draft = ModelDraft()
    draft.input("input", [nil, 5])
    draft.initialiser("w", Workspace.noise([2, 5], seed: 1))
    draft.node("Gemm", ["input", "w"], ["logits"], ["transB": .int(1)])
    draft.output("logits", [nil, 2])
    try draft.write(to: workspace.file("flat.onnx"))
    let row = RefusedCommand(
      69, "--model flat.onnx --data train.csv --label class --method \(method)",
      "flat.onnx: --method \(method) looks at dense hidden layers, and there are none; name layers with --layers, or "
        + "take a method that only asks, as tree")
    try row.check(in: workspace, first: ["rules"], last: ["-o", "out"])
  }

  /// Rows without a value are left out by request, and counted.
  @Test func rowsWithHolesAreLeftOutByRequest() throws {
    let workspace = try workspace()
    let outcome = try workspace.run(
      "rules", "--model", "net.onnx", "--data", "holes.csv", "--test", "test.csv", "--label", "class",
      "--curve", "none",
      "--repeats", "0", "--skip-bad", "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("note: 2 rows that lack a value were left out."))
    let remarks = try #require(workspace.json("out/result.json")["remarks"] as? [String])
    #expect(remarks.contains("2 rows that lack a value were left out."))
  }

  /// A network that always says the same has no rules to find, which is said and no obstacle.
  @Test func aNetworkThatAlwaysSaysTheSameIsSaidTo() throws {
    let workspace = try workspace()
    var draft = ModelDraft()
    draft.input("input", [nil, 5])
    draft.initialiser("w", Tensor(shape: [2, 5], repeating: Float(0)))
    draft.initialiser("b", Tensor(shape: [2], [Float(-3), 3]))
    draft.node("Gemm", ["input", "w", "b"], ["logits"], ["transB": .int(1)])
    draft.output("logits", [nil, 2])
    try draft.write(to: workspace.file("deaf.onnx"))
    let outcome = try workspace.run(
      "rules", "--model", "deaf.onnx", "--data", "train.csv", "--label", "class", "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(
      outcome.output.contains("The network says 'yes' of every example, so there is nothing to tell apart."))
    let size = try #require(workspace.json("out/result.json")["size"] as? [String: Any])
    #expect(size["rules"] as? Int == 1)
  }
}
