import NoemaData
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct RuleTableTests {
  private func csv(_ text: String) throws -> CSVTable { try CSVTable(bytes: [UInt8](text.utf8), at: "t.csv") }

  private let patients = """
    age,smoker,grade,outcome
    41,no,low,well
    ,yes,high,ill
    3.5e1, yes ,NA,ill
    nan,?,low,well
    """

  @Test func columnsAreReadByTheirKind() throws {
    let data = try LabeledTable(
      csv(patients), label: "outcome", kinds: ["grade": .ordinal(levels: ["low", "high"])],
      units: ["age": "years"])
    #expect(
      data.table.features == [
        Feature("age", unit: "years"), Feature("smoker", kind: .categorical(levels: ["no", "yes"])),
        Feature("grade", kind: .ordinal(levels: ["low", "high"])),
      ])
    #expect(data.classes == ["ill", "well"] && data.labels == [1, 0, 0, 1])
    let expected: [[Double]] = [[41, 0, 0], [.nan, 1, 1], [35, 1, .nan], [.nan, .nan, 0]]
    for (row, values) in expected.enumerated() {
      #expect(zip(data.table.row(row), values).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
    }
    #expect(data.table.hasMissing(0) && data.table.column(0).first == 41)
    #expect(data.subset(rows: [2, 0]).labels == [0, 1] && data.subset(rows: [2, 0]).table[0, 0] == 35)
  }

  @Test func aTableIsReadAgainstKnownFeatures() throws {
    let data = try LabeledTable(csv(patients), label: "outcome")
    let features = data.table.features
    // Another order, a further column, one class only.
    let other = try csv("outcome,grade,extra,smoker,age\nill,high,1,no,7\n")
    let test = try LabeledTable(other, label: "outcome", features: features, classes: data.classes)
    #expect(test.table.row(0) == [7, 0, 0] && test.labels == [0])
    // A level named like a missing value is a level.
    let word = Feature("smoker", kind: .categorical(levels: ["?", "no"]))
    #expect(try RuleTable(csv("smoker\n?\nno\n"), features: [word]).values == [0, 1])
  }

  @Test func badTablesGetTheirNames() throws {
    let features = try RuleTable(csv(patients), excluding: ["outcome"]).features
    func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return "none"
      } catch { return "\(error)" }
    }
    let cases: [(String, String)] = [
      (
        "age,smoke,grade\n1,no,low\n",
        "t.csv: no column named 'smoker', which the rules read; did you mean 'smoke'?"
      ),
      (
        "age,smoker,grade\n1,no,low\n1,sometimes,low\n",
        "t.csv: row 2, column 'smoker': 'sometimes' is none of the categories 'no', 'yes'; "
          + "map it to one of them or to a missing value"
      ),
      ("age,smoker,grade\nold,no,low\n", "t.csv: row 1, column 'age': 'old' is not a finite number"),
      ("age,smoker,grade\n0x10,no,low\n", "t.csv: row 1, column 'age': '0x10' is not a finite number"),
      ("age,smoker,grade\ninf,no,low\n", "t.csv: row 1, column 'age': 'inf' is not a finite number"),
      ("age,age,grade\n1,2,low\n", "t.csv: two columns are named 'age'; rename one"),
    ]
    for (text, expected) in cases {
      #expect(message { _ = try RuleTable(csv(text), features: features) } == expected)
    }
    #expect(
      message { _ = try LabeledTable(csv("x,y\n1,a\n2,a\n"), label: "y") }
        == "t.csv: column 'y': every row has the label 'a'; rules need at least two classes")
    #expect(
      message { _ = try LabeledTable(csv("x,z,y\n1,,a\n2,NA,b\n"), label: "y") }
        == "t.csv: column 'z' has no value in any row; leave the column out")
    #expect(
      message { _ = try LabeledTable(csv("x,y\n1,a\n2,\n"), label: "y") }
        == "t.csv: line 3, column 'y': the label is missing")
    #expect(
      message { _ = try LabeledTable(csv("x,y\n1,a\n"), label: "why") }.hasPrefix(
        "t.csv: no column named 'why', which the rules read"))
    #expect(
      message {
        _ = try LabeledTable(csv("x,y\n1,c\n"), label: "y", features: [Feature("x")], classes: ["a", "b"])
      }
        == "t.csv: column 'y': row 1: the class 'c' is none of 'a', 'b'")
    #expect(
      message { _ = try RuleTable(csv("n\n1.5\n"), kinds: ["n": .integer]) }
        == "t.csv: row 1, column 'n': '1.5' is not a whole number")
    #expect(
      message { _ = try RuleTable(csv("y\na\n"), excluding: ["y"]) }
        == "t.csv: found 0 feature columns, expected 1")
  }

  @Test func activationsAreFeaturesAndMustBeFinite() throws {
    let table = try RuleTable(Tensor(shape: [2, 2, 2], (0..<8).map { Float($0) }), prefix: "h1.")
    #expect(table.features.map(\.name) == ["h1.0", "h1.1", "h1.2", "h1.3"] && table.rowCount == 2)
    #expect(table.values == [0, 4, 1, 5, 2, 6, 3, 7] && table.row(1) == [4, 5, 6, 7])
    #expect(throws: RuleError(.notFinite("'b' of example 1 is nan"), at: "feature ")) {
      try RuleTable(Tensor(shape: [2, 2], [0, 1, 2, Float.nan]), names: ["a", "b"])
    }
    #expect(throws: RuleError(.count(what: "feature names", found: 1, expected: 2), at: "feature ")) {
      try RuleTable(Tensor(shape: [1, 2], [0, Float(1)]), names: ["a"])
    }
  }

  @Test func tablesAreCutAndJoined() throws {
    var source = RandomRuleSource(seed: 1)
    let table = try source.table(20, missing: 0)
    #expect(table.subset(rows: [3, 3, 7]).row(1) == table.row(3))
    #expect(table.selecting(features: [2, 0]).row(5) == [table[5, 2], table[5, 0]])
    let joined = try table.appending(table.subset(rows: [4]))
    #expect(joined.rowCount == 21 && joined.row(20) == table.row(4))
    let numbers = try RuleTable(features: [Feature("x"), Feature("y")], rows: [[1, 2], [3, 4]])
    #expect(try numbers.tensor().elements(as: Float.self) == [1, 2, 3, 4])
    #expect(
      throws: RuleError(.notFinite("row 1, column 'y': the value is missing, and a network needs a number"))
    ) { try RuleTable(features: numbers.features, rows: [[1, .nan]]).tensor() }
    #expect(throws: RuleError(.count(what: "values", found: 3, expected: 4))) {
      try RuleTable(features: numbers.features, rowCount: 2, values: [1, 2, 3])
    }
    #expect(throws: RuleError.self) { try RuleTable(features: [Feature("x")], rows: [[.infinity]]) }
  }
}
