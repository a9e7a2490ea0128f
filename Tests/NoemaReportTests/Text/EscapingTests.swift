import NoemaReport
import Testing

@Test func markupLeavesNothingSpecial() {
  let hostile = "</title><script>alert('x')</script> & \"y\" \u{0}\u{8}\u{202E}gnp.exe"
  let escaped = Escape.markup(hostile)
  #expect(
    !escaped.contains("<") && !escaped.contains(">") && !escaped.contains("\"") && !escaped.contains("'"))
  #expect(!escaped.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
  #expect(Escape.markup("größer 漢字 🦓") == "größer 漢字 🦓")
}

@Test func markdownHasNoStructure() {
  let escaped = Escape.markdown("# a\n* [x](http:) `b` $c$ <b>")
  #expect(!escaped.contains { "*[]()`$<>\n".contains($0) })
}

@Test(arguments: [
  ("/layer4/Relu_2", "layer4-Relu_2"), ("../../etc/passwd", "etc-passwd"), ("", "unnamed"), ("漢字", "unnamed"),
  ("..", "unnamed"), ("a b\u{0}c", "a-b-c"), (".hidden", "hidden"),
])
func fileNamesAreHarmless(text: String, expected: String) {
  #expect(Escape.fileName(text) == expected)
}

@Test func fileNamesAreShort() {
  #expect(Escape.fileName(String(repeating: "x", count: 10_000)).utf8.count == 60)
}

@Test func numbersAreWrittenForReaders() {
  #expect(NumberText.fixed(-0.001, 2) == "0.00")
  #expect(NumberText.fixed(-1.5, 1) == "−1.5")
  #expect(NumberText.fixed(.nan, 2) == "–")
  #expect(NumberText.pValue(0.0004) == "< 0.001")
  #expect(NumberText.pValue(0.005) == "0.005")
  #expect(NumberText.equation("p", 0.0001) == "p < 0.001")
  #expect(NumberText.compact(0.0000123) == "1.23e−05")
  #expect(NumberText.compact(1234.5) == "1234" || NumberText.compact(1234.5) == "1235")
}
