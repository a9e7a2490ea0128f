import Foundation
import NoemaData
import NoemaTensor
import Testing

struct ModelCardTests {
  @Test func everyKeyIsRead() throws {
    let card = try ModelCard(
      yaml: """
        name: EfficientNet-Lite0
        description: ImageNet weights
        source: somewhere
        licence: Apache-2.0
        input_size: [224, 192]
        resize: 256
        filter: bicubic
        crop: center
        crop_rounding: down
        color_order: BGR
        scale: 1/255
        mean: [0.1, 0.2, 0.3]
        std: 0.5
        layout: nhwc
        classes: [no, 7, tench]
        """, name: "net.yaml")
    var recipe = Preprocessing(height: 224, width: 192)
    recipe.resize = .shorterSide(256)
    recipe.filter = .bicubic
    recipe.cropsCentre = true
    recipe.cropRounding = .down
    recipe.colorOrder = .bgr
    recipe.mean = [0.1, 0.2, 0.3]
    recipe.std = [0.5]
    recipe.layout = .nhwc
    #expect(card.preprocessing == recipe)
    #expect(card.name == "EfficientNet-Lite0" && card.summary == "ImageNet weights")
    #expect(card.source == "somewhere" && card.licence == "Apache-2.0")
    #expect(card.classNames == ["no", "7", "tench"])
  }

  @Test(arguments: ["", "# nothing\n", "{}", "name:\nclasses:\n", "---\n"])
  func everythingMayBeLeftOut(_ yaml: String) throws {
    #expect(try ModelCard(yaml: yaml, name: "a") == ModelCard())
  }

  @Test(
    arguments: [
      ("resize: none", .none), ("resize: exact", .exact), ("resize: {shorter_side: 40}", .shorterSide(40)),
      ("resize: {centre_square: 0.875}", .centreSquare(fraction: 0.875)), ("resize: '36'", .shorterSide(36)),
    ] as [(String, ResizeMode)])
  func resizeHasFourForms(line: String, mode: ResizeMode) throws {
    let card = try ModelCard(yaml: "input_size: 32\n\(line)", name: "a")
    #expect(card.preprocessing?.resize == mode)
    #expect(card.preprocessing?.height == 32 && card.preprocessing?.width == 32)
  }

  @Test func classesMayBeAMapping() throws {
    #expect(try ModelCard(yaml: "classes: {1: b, 0: a}", name: "a").classNames == ["a", "b"])
  }

  @Test(arguments: [
    ("meen: 1", "c: no key named 'meen'; did you mean 'mean'?"),
    ("input_size: 8\nmean: [a]", "c: mean: found a list, expected a number or a list of numbers"),
    ("input_size: 8\nscale: fast", "c: scale: found 'fast', expected a number"),
    ("input_size: 8\nscale: 1/0", "c: scale: found '1/0', expected a number"),
    ("input_size: 8\nmean: [1, 2]", "c: mean: found 2 values, expected 1 or 3 for color_order rgb"),
    ("input_size: [1, 2, 3]", "c: input_size: found 3 numbers, expected [height, width]"),
    ("input_size: 0", "c: input_size: found 0 × 0, expected height and width from 1 to 32768"),
    ("input_size: 8.5", "c: input_size: found '8.5', expected a whole number or a list of them"),
    ("std: 1", "c: std: needs input_size too: add input_size: [height, width]"),
    ("input_size: 8\nlayout: nchww", "c: layout: found 'nchww', expected one of 'nchw', 'nhwc'"),
    ("input_size: 8\nresize: [8, 8]", "c: resize: found a list, expected a text"),
    ("input_size: 8\nresize: {}", "c: resize: expected one of shorter_side and centre_square"),
    ("input_size: 8\nresize: {short: 1}", "c: resize: no key named 'short'; did you mean 'shorter_side'?"),
    ("name: [a]", "c: name: found a list, expected a text"),
    ("classes: []", "c: classes: the list of names is empty"),
    ("classes: [a, '']", "c: classes: the name of index 1 is empty"),
    ("classes: [a, [b]]", "c: classes: a name in the list is no text"),
    ("classes: {0: a, 2: b}", "c: classes: expected the indices 0, 1 … without gaps, each with a name"),
    ("classes: a.txt", "c: classes: a file of names needs a card that is a file"),
    ("- a", "c: found a list, expected keys and values"),
    ("plain", "c: found 'plain', expected keys and values"),
    ("? [a]\n: b", "c: a key is a list, expected a word"),
  ])
  func mistakesAreNamed(yaml: String, message: String) {
    #expect(dataError { _ = try ModelCard(yaml: yaml, name: "c") }?.description == message)
  }

  /// In one test, as long arguments would fill the log.
  @Test func brokenTextsAreErrors() {
    let broken = [
      "a: [", "name: a\nname: b", "\t", "a: *b", "%", "name: \"", "\u{0}",
      String(repeating: "[", count: 200_000), String(repeating: "{a: ", count: 100_000),
      String(repeating: "- ", count: 100_000),
      String(repeating: "[", count: 900) + String(repeating: "]", count: 900),
      "input_size: " + String(repeating: "9", count: 400), String(repeating: "k", count: 100_000) + ": 1",
    ]
    for yaml in broken {
      #expect(
        dataError { _ = try ModelCard(yaml: yaml, name: "c") }?.place.hasPrefix("c") == true,
        "\(yaml.prefix(20))")
    }
  }

  @Test func filesOfClassesLieInTheFolder() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "cards-\(UUID().uuidString)")
    let inner = folder.appending(path: "inner")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ text: String, _ name: String) throws {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    try write("secret\n", "secret.txt")
    try write(" cat\r\ndog \r\n\r\n", "inner/a.txt")
    try write("class_index,name\n0,\"hen, \"\"big\"\"\"\n1,ox\n", "inner/b.csv")
    try write("class_index,name\n1,hen\n", "inner/c.csv")
    try write("wnid\nn1\n", "inner/d.csv")
    try FileManager.default.createSymbolicLink(
      at: inner.appending(path: "link.txt"), withDestinationURL: folder.appending(path: "secret.txt"))
    let model = inner.appending(path: "net.onnx").path
    #expect(try ModelCard.beside(model: model) == nil)

    func names(_ file: String) throws -> [String]? {
      try write("classes: '\(file)'", "inner/net.yaml")
      return try ModelCard.beside(model: model)?.classNames
    }
    #expect(try names("a.txt") == ["cat", "dog"])
    #expect(try names("b.csv") == ["hen, \"big\"", "ox"])
    for file in ["../secret.txt", "link.txt", folder.path + "/secret.txt", "..", "."] {
      #expect(dataError { _ = try names(file) }?.description.contains("leaves the card's folder") == true)
    }
    for file in ["c.csv", "d.csv", "inner", "none.txt"] {
      #expect(dataError { _ = try names(file) }?.place.hasSuffix("net.yaml: classes: \(file)") == true)
    }
    #expect(dataError { _ = try names("none.txt") }?.category == .missingFile)
  }
}
