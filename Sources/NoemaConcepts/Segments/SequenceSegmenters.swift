public import NoemaData

/// Where windows of one length begin that follow each other at regular steps and reach both ends.
struct WindowStarts {
  /// Positions of a window.
  let length: Int
  /// The step as a share of the length.
  let step: Double

  /// The first position of each window; the last window ends where the positions do.
  ///
  /// - Throws: `ConceptError.parameters` for a length that does not fit and a step outside (0, 1].
  func starts(in extent: Int) throws(ConceptError) -> [Int] {
    guard length >= 1, length <= extent else {
      throw ConceptError(
        .parameters("windows of \(length) do not fit \(extent) positions; give lengths from 1 to that"))
    }
    guard step > 0, step <= 1 else {
      throw ConceptError(
        .parameters("the step between windows is a share of their length in (0, 1], found \(step)"))
    }
    let stride = max(1, Int((step * Double(length)).rounded()))
    var starts = Array(Swift.stride(from: 0, through: extent - length, by: stride))
    if let last = starts.last, last < extent - length { starts.append(extent - length) }
    return starts
  }
}

/// Windows of a signal, of several lengths.
public struct WindowSegmenter: Segmenter, Hashable, Codable {
  /// The steps of a window at each resolution.
  public var lengths: [Int]
  /// The way between windows as a share of their length.
  public var step: Double

  /// Makes a segmenter; windows overlap by half unless told otherwise.
  public init(lengths: [Int], step: Double = 0.5) {
    (self.lengths, self.step) = (lengths, step)
  }

  public func levels(of example: SegmentedExample) throws(ConceptError) -> [[PositionSet]] {
    guard !lengths.isEmpty else { throw ConceptError(.parameters("windows need one or more lengths")) }
    return try lengths.sorted(by: >).map { length throws(ConceptError) in
      try WindowStarts(length: length, step: step).starts(in: example.layout.positionCount).map {
        PositionSet(runs: [$0..<$0 + length])
      }
    }
  }
}

/// Phrases of a text: runs of a few words, of several lengths, that do not cross the end of a sentence.
///
/// Words are kept whole. Special tokens such as `[PAD]` or `</s>` belong to no phrase, and a sentence that is shorter
/// than the phrases of a resolution is one phrase of it.
public struct PhraseSegmenter: Segmenter {
  /// The words of a phrase at each resolution.
  public var lengths: [Int]
  /// The way between phrases as a share of their length.
  public var step: Double
  /// The tokens of each example of the data set.
  public var pieces: @Sendable (_ example: Int) -> [Vocabulary.Piece]

  /// Makes a segmenter; phrases of 8, 4, 2 and 1 words that overlap by half unless told otherwise.
  public init(
    lengths: [Int] = [8, 4, 2, 1], step: Double = 0.5,
    pieces: @escaping @Sendable (_ example: Int) -> [Vocabulary.Piece]
  ) {
    (self.lengths, self.step, self.pieces) = (lengths, step, pieces)
  }

  public func levels(of example: SegmentedExample) throws(ConceptError) -> [[PositionSet]] {
    guard !lengths.isEmpty, lengths.allSatisfy({ $0 >= 1 }) else {
      throw ConceptError(.parameters("phrases have 1 or more words, found lengths \(lengths)"))
    }
    let pieces = pieces(example.index)
    guard pieces.count == example.layout.positionCount else {
      throw ConceptError(
        .mismatch("found \(pieces.count) pieces of text for \(example.layout.positionCount) tokens"),
        at: "example \(example.index)")
    }
    let sentences = Self.sentences(pieces)
    return try lengths.sorted(by: >).map { length throws(ConceptError) in
      var phrases: [PositionSet] = []
      for words in sentences {
        let count = min(length, words.count)
        for start in try WindowStarts(length: count, step: step).starts(in: words.count) {
          phrases.append(PositionSet(runs: [words[start].lowerBound..<words[start + count - 1].upperBound]))
        }
      }
      return phrases
    }
  }

  /// The words of each sentence, as ranges of tokens.
  private static func sentences(_ pieces: [Vocabulary.Piece]) -> [[Range<Int>]] {
    var (sentences, words) = ([[Range<Int>]](), [Range<Int>]())
    func close() {
      if !words.isEmpty { sentences.append(words) }
      words = []
    }
    for (token, piece) in pieces.enumerated() {
      if isSpecial(piece.text) {
        close()
      } else if piece.startsWord || words.isEmpty {
        words.append(token..<token + 1)
      } else {
        words[words.count - 1] = words[words.count - 1].lowerBound..<token + 1
      }
      if [".", "!", "?", "…", "。", "！", "？"].contains(piece.text) { close() }
    }
    close()
    return sentences
  }

  /// `[CLS]`, `<s>` and their like.
  private static func isSpecial(_ text: String) -> Bool {
    text.count > 2
      && (text.hasPrefix("[") && text.hasSuffix("]") || text.hasPrefix("<") && text.hasSuffix(">"))
  }
}
