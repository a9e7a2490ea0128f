import Foundation
import NoemaData
import Testing

@Suite struct VocabularyTests {
  private func written(_ text: String, _ name: String = "vocab.txt") throws -> (ScratchFolder, Vocabulary) {
    let folder = try ScratchFolder()
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file(name)))
    return (folder, try Vocabulary(path: folder.file(name)))
  }

  private func pieces(_ vocabulary: Vocabulary) -> [Vocabulary.Piece] {
    vocabulary.tokens.indices.map(vocabulary.piece)
  }

  @Test func wordPiecesGoOnBehindTheirMark() throws {
    let (_, vocabulary) = try written("[PAD]\n[CLS]\nplay\n##ing\n##\n")
    #expect(vocabulary.marking == .continuations)
    #expect(
      pieces(vocabulary) == [
        .init("[PAD]", startsWord: true), .init("[CLS]", startsWord: true), .init("play", startsWord: true),
        .init("ing", startsWord: false), .init("##", startsWord: true),
      ])
  }

  /// `Ġ` is a space, `Ċ` a line feed, and `Ã©` the two bytes of é.
  @Test func bytesBecomeCharacters() throws {
    let (_, vocabulary) = try written(
      #"{"<s>": 0, "Ġthe": 1, "ing": 2, "ĠcafÃ©": 3, "Ċ": 4, "Ġ": 5, "Ã": 6}"#, "vocab.json")
    #expect(vocabulary.marking == .bytes)
    #expect(
      pieces(vocabulary) == [
        .init("<s>", startsWord: true), .init("the", startsWord: true), .init("ing", startsWord: false),
        .init("café", startsWord: true), .init("↵", startsWord: false), .init("␣", startsWord: true),
        .init("\u{FFFD}", startsWord: false),
      ])
  }

  @Test func underscoresBeginWords() {
    let vocabulary = Vocabulary(["<pad>", "▁good", "ness"])
    #expect(vocabulary.marking == .underscores)
    #expect(vocabulary.piece(1) == .init("good", startsWord: true))
    #expect(vocabulary.piece(2) == .init("ness", startsWord: false))
  }

  @Test func tokensWithoutMarksAreWords() {
    let vocabulary = Vocabulary(["good", "bad"])
    #expect(vocabulary.marking == .words && vocabulary.piece(1) == .init("bad", startsWord: true))
    #expect(vocabulary.piece(2).text == "⟨2⟩" && vocabulary.piece(-1).text == "⟨-1⟩")
  }

  /// Numbers follow lines as other programs count them: other line ends of Unicode are tokens, and so are gaps.
  @Test func linesEndWithLineFeedsAlone() throws {
    let (_, vocabulary) = try written("a\r\n\u{2028}\r\n\r\nb\n")
    #expect(vocabulary.tokens == ["a", "\u{2028}", "", "b"])
    #expect(vocabulary.piece(2).text == "⟨2⟩")
  }

  @Test(arguments: [
    ("", "v.txt", "the vocabulary is empty"), ("\n\n", "v.txt", "the vocabulary is empty"),
    ("[1, 2]", "v.json", "expected a JSON object with the number of each token"),
    (#"{"a": -1}"#, "v.json", "tokens must be numbered from 0, without large gaps"),
    (#"{"a": 900000000000}"#, "v.json", "tokens must be numbered from 0, without large gaps"),
  ])
  func unusableFilesAreRefused(_ text: String, _ name: String, _ message: String) throws {
    let folder = try ScratchFolder()
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file(name)))
    let error = dataError { _ = try Vocabulary(path: folder.file(name)) }
    #expect(error?.description == "\(folder.file(name)): \(message)")
  }

  @Test func otherEncodingsAreRefused() throws {
    let folder = try ScratchFolder()
    try Data([0x61, 0x0A, 0xFF]).write(to: URL(fileURLWithPath: folder.file("v.txt")))
    let error = dataError { _ = try Vocabulary(path: folder.file("v.txt")) }
    #expect(error?.description.contains("line 2 is not UTF-8 text") == true)
  }

  @Test func cardsNameVocabulariesInTheirFolder() throws {
    let folder = try ScratchFolder()
    try Data("good\nbad\n".utf8).write(to: URL(fileURLWithPath: folder.file("vocab.txt")))
    let card = try ModelCard(yaml: "vocabulary: vocab.txt", name: "net.yaml", folder: folder.path)
    #expect(card.vocabulary?.tokens == ["good", "bad"])
    for (file, message) in [
      ("/etc/hostname", "leaves the card's folder"), ("../x.txt", ""), ("gone.txt", "no such file"),
    ] {
      let error = dataError {
        _ = try ModelCard(yaml: "vocabulary: \(file)", name: "net.yaml", folder: folder.path)
      }
      #expect(error?.place == "net.yaml: vocabulary: \(file)")
      #expect(message.isEmpty || error?.description.contains(message) == true)
    }
  }
}
