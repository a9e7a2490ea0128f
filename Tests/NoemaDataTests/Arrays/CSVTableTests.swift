internal import Foundation
internal import NoemaTensor
internal import Testing

@testable internal import NoemaData

@Suite struct CSVTableTests {
  private func table(_ text: String) throws -> CSVTable { try CSVTable(bytes: Array(text.utf8), at: "t.csv") }

  @Test(arguments: [
    "a,b,c\n1,2,x\n3,4,y\n", "a;b;c\r\n1;2;x\r\n3;4;y", "\u{FEFF}a\tb\tc\n1\t2\tx\n\n3\t4\ty\n\n",
  ])
  func readsDelimitersAndLineEnds(text: String) throws {
    let table = try table(text)
    #expect(table.columnNames == ["a", "b", "c"])
    #expect(table.rowCount == 2)
    #expect(try table.text(inColumn: "c") == ["x", "y"])
    #expect(table.numericColumnNames == ["a", "b"])
    #expect(try table.matrix(excluding: ["c"]).elements == [1, 2, 3, 4])
    #expect(try table.tensor(columns: ["b", "a"]) == Tensor(shape: [2, 2], [2, 1, 4, 3] as [Float]))
  }

  @Test func readsQuotes() throws {
    let table = try table(
      "\"a, b\",\"c\"\"d\"\n\"line 1\nline 2\",\"say \"\"yes\"\"\"\n\"\",\"\"\"\"\n5\" pipe,\"7\"\n")
    #expect(table.columnNames == ["a, b", "c\"d"])
    #expect(try table.text(inColumn: "a, b") == ["line 1\nline 2", "", "5\" pipe"])
    #expect(try table.text(inColumn: "c\"d") == ["say \"yes\"", "\"", "7"])
  }

  @Test func delimiterInsideQuotesDoesNotCount() throws {
    #expect(try table("\"a,b,c,d\";e\n1;2\n").columnNames == ["a,b,c,d", "e"])
    #expect(try table("a,b;c\n1,2\n").columnNames == ["a", "b;c"])
  }

  @Test func errorsNameLineAndColumn() throws {
    let text = "name,age\n\"A\nB\",30\nC,abc\nD,\nE,nan\nF,1e999\n"
    let table = try table(text)
    let error = dataError { _ = try table.matrix(columns: ["age"]) }
    #expect(error?.description == "t.csv: line 4, column 'age': 'abc' is not a number")
    #expect(error?.category == .badData)
    func message(_ field: String) -> String? {
      dataError { _ = try self.table("a,b\n1,\(field)\n").tensor() }?.description
    }
    #expect(message("") == "t.csv: line 2, column 'b': the value is missing; fill it in or drop the row")
    #expect(
      message("NA") == "t.csv: line 2, column 'b': the value is missing ('NA'); fill it in or drop the row")
    #expect(message("nan") == "t.csv: line 2, column 'b': 'nan' is not a finite number")
    #expect(message("-inf") == "t.csv: line 2, column 'b': '-inf' is not a finite number")
    #expect(message("1e999") == "t.csv: line 2, column 'b': '1e999' is not a finite number")
    #expect(
      message("1e300")
        == "t.csv: line 2, column 'b': the number is beyond the range of float32; rescale the column")
    #expect(message("0x10") == "t.csv: line 2, column 'b': '0x10' is not a number")
  }

  @Test(arguments: [
    ("", "t.csv: the table is empty"),
    ("\n\n", "t.csv: the table is empty"),
    ("a,a\n1,2\n", "t.csv: two columns are named 'a'; rename one"),
    ("a,b\n1,2\n1,2,3\n", "t.csv: line 3: 3 fields, the header has 2"),
    ("a,b\n\"1\nx\",2\n1\n", "t.csv: line 4: 1 fields, the header has 2"),
    ("a,b\n\"1,2\n", "t.csv: line 2: a quote is never closed"),
    ("a,b\n\"1\"x,2\n", "t.csv: line 2: text follows a closing quote; write a quote inside a field twice"),
  ])
  func malformedTablesAreNamed(text: String, message: String) {
    #expect(dataError { _ = try table(text) }?.description == message)
  }

  @Test func callsAreChecked() throws {
    let table = try table("height,weight\n1,2\n")
    #expect(
      dataError { _ = try table.text(inColumn: "heigth") }?.description
        == "t.csv: no column named 'heigth'; did you mean 'height', 'weight'?")
    #expect(
      dataError { _ = try table.matrix(excluding: ["height", "weight"]) }?.kind
        == .empty("the choice of columns"))
    #expect(dataError { _ = try self.table("a,b\n").matrix() }?.kind == .empty("the table below its header"))
    #expect(throws: DataError.self) { _ = try CSVTable(bytes: [0xFF, 0xFE, 0x61, 0]) }
  }

  @Test func unnamedColumnsGetNumbers() throws {
    #expect(try table(",a,\n0,1,2\n").columnNames == ["column 1", "a", "column 3"])
  }

  @Test func blankLineInOneColumnIsMissing() throws {
    let table = try table("a\n1\n\n3\n\n")
    #expect(try table.text(inColumn: "a") == ["1", "", "3"])
    #expect(dataError { _ = try table.matrix() }?.description.contains("line 3, column 'a'") == true)
  }

  @Test func labelsAreSorted() throws {
    let words = try table("y\nb\na\nb\n").labels(inColumn: "y")
    #expect(words.classNames == ["a", "b"])
    #expect(words.indices == [1, 0, 1])
    let numbers = try table("y\n10\n9\n10\n").labels(inColumn: "y")
    #expect(numbers.classNames == ["9", "10"])
    #expect(numbers.indices == [1, 0, 1])
    #expect(
      dataError { _ = try self.table("x,y\n1,a\n2, \n").labels(inColumn: "y") }?.description
        == "t.csv: line 3, column 'y': the label is missing")
  }

  @Test(arguments: [
    "0", "-0", "1", "+7", "3.25", "-1.5e-3", ".5", "5.", "1e22", "1e23", "123456789012345678901234567890",
    "0.1",
    "9007199254740993", "2.2250738585072014e-308", "1.7976931348623157e308", "4.9e-324", " 12 ",
    "0.30000000000000004",
    "179769313486231570000000000000000000000", "1E+05", "00012.50", "123456.789012345678",
  ])
  func numbersAreThoseOfTheStandardLibrary(text: String) {
    let reading = Array(text.utf8).withUnsafeBufferPointer { DecimalNumber.read($0) }
    // The library takes neither spaces nor a point at the end.
    let expected = Double(text.trimmingCharacters(in: .whitespaces) + (text.hasSuffix(".") ? "0" : ""))
    #expect(expected != nil)
    #expect(reading == expected.map { .number($0) })
  }

  @Test(arguments: ["1e", "e5", "--1", "1.2.3", "1,5", "0x1p3", "1 2", "infinit", "+", "1e+", "abc"])
  func nonNumbersAreTold(text: String) {
    #expect(Array(text.utf8).withUnsafeBufferPointer { DecimalNumber.read($0) } == .notNumber)
  }

  @Test func damagedTablesDoNotTrap() {
    let text = "\u{FEFF}\"a\",b;c\r\n1,\"x\"\"y\"\n\n2.5e-3,\"multi\nline\"\n"
    readDamaged(Array(text.utf8), cutsFail: false) { bytes in
      let table = try CSVTable(bytes: bytes)
      for name in table.columnNames {
        _ = try table.text(inColumn: name)
        _ = try? table.matrix(columns: [name])
        _ = try? table.labels(inColumn: name)
      }
    }
  }
}
