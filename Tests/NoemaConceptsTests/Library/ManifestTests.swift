import NoemaConcepts
import NoemaTensor
import Testing

@Suite struct ManifestTests {
  private func read(_ yaml: String) throws -> ConceptManifest {
    try ConceptManifest(yaml: yaml, path: "a/concept.yaml")
  }

  @Test func writtenTextReadsBackTheSame() throws {
    let awkward = [
      "plain", "yes", "12", "~", "null", "a: b # c", "- x", "\"quoted\" 'it'", "Größe 縞", "two\nlines",
      " pad ",
    ]
    for text in awkward {
      let manifest = ConceptManifest(
        name: text, description: text, kind: .texture, source: text, licence: "CC0-1.0", generator: text,
        seed: .max, size: 64, channels: 3, count: 12)
      #expect(try read(manifest.yaml()) == manifest, "\(text)")
    }
    let least = ConceptManifest(name: "zebra")
    #expect(try read(least.yaml()) == least)
  }

  @Test func textIsFixed() throws {
    let manifest = ConceptManifest(
      name: "striped", description: "parallel stripes", kind: .texture, generator: "striped", seed: 7,
      size: 64, count: 12)
    #expect(
      try manifest.yaml() == """
        name: striped
        description: parallel stripes
        kind: texture
        generator: striped
        seed: 7
        size: 64
        count: 12

        """)
  }

  @Test func saysWhatIsWrong() {
    let cases: [(String, LibraryError.Kind)] = [
      ("kind: texture", .missingKey("name")),
      ("name: x\nlicense: MIT", .unknownKey("license", suggestions: ["licence"])),
      (
        "name: x\nseed: -1",
        .value(key: "seed", found: "-1", expected: "a whole number from 0 to \(UInt64.max)")
      ),
      ("name: x\nsize: big", .value(key: "size", found: "big", expected: "a whole number from 1 to 16384")),
      ("name: [a]", .value(key: "name", found: "a list or mapping", expected: "a word, text or number")),
      ("name: ''", .value(key: "name", found: "", expected: "a name that is not empty")),
      ("- a", .yaml("expected 'key: value' lines, found something else")),
      ("", .yaml("expected 'key: value' lines, found something else")),
    ]
    for (yaml, kind) in cases {
      let error = #expect(throws: LibraryError.self) { try read(yaml) }
      #expect(error == LibraryError(kind, at: "a/concept.yaml"), "\(yaml)")
    }
    #expect(throws: LibraryError.self) { try read("name: x\nkind: textur") }
  }

  @Test func hostileTextThrows() {
    var bomb = "a0: &a0 [x, x]\n"
    for level in 1..<60 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n" }
    let hostile = [
      bomb, "name: x\nname: y", "name: \"unclosed", "\t: :", "name: *nowhere", "a: &a [*a]",
      String(repeating: "[", count: 16_000), String(repeating: "- ", count: 8_000),
      String(repeating: "{a: ", count: 4_000), String(repeating: "x", count: 20_000), "\u{0}\u{1}",
    ]
    for text in hostile {
      #expect(throws: LibraryError.self) { try read(text) }
    }
  }
}
