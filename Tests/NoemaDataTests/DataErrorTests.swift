import Foundation
import NoemaData
import NoemaTensor
import Testing

struct DataErrorTests {
  @Test func systemErrorsKeepTheSystemsWords() {
    let missing = DataError(errno: ENOENT, operation: "open", at: "a.png")
    #expect(missing.description == "a.png: no such file or folder; check the path")
    #expect(missing.category == .missingFile)
    let refused = DataError(errno: EACCES, operation: "open", at: "a.png")
    #expect(refused.description == "a.png: cannot open: Permission denied")
    #expect(refused.category == .inputOutput)
  }

  @Test func placesNest() {
    let error = DataError(.empty("the column"), at: "age").within("people.csv")
    #expect(error.description == "people.csv: age: the column is empty")
    #expect(DataError(.empty("it")).within("x").place == "x")
    #expect(error.category == .badData)
  }

  @Test func otherKindsSayWhatWasFound() {
    #expect(
      DataError(.shape(found: [3], expected: [4])).description == "found shape [3], expected [4]")
    #expect(
      DataError(.unknownName("zebr", what: "class", suggestions: ["zebra"]), at: "c").description
        == "c: no class named 'zebr'; did you mean 'zebra'?")
  }
}
