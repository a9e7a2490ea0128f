internal import Foundation
internal import NoemaData
internal import NoemaTensor

/// Checks that a concept's examples are fit for a study.
public struct ConceptValidation: Sendable {
  /// Fewer different examples than this are an error.
  public static let fewestExamples = 10
  /// Fewer different examples than this are a warning.
  public static let enoughExamples = 30
  /// Width and height of the model's input, if known.
  public var modelSize: Int?
  /// Hashes that differ in this many of 64 bits at most are near.
  public var nearThreshold = 8
  private let pool: [Example]

  /// Makes a validation.
  ///
  /// - Parameters:
  ///   - modelSize: Width and height of the model's input, if known.
  ///   - randomPool: The negatives, which must not hold the concept's own examples.
  public init(modelSize: Int? = nil, randomPool: ConceptFolder? = nil) {
    self.modelSize = modelSize
    pool = randomPool.map { folder in folder.examples.map { Self.read($0, in: folder) } } ?? []
  }

  /// What is known of one file; decoded pixels are not kept.
  private struct Example: Sendable {
    var name: String
    var digest: String?
    var problem: String?
    var fingerprint: ImageFingerprint?
    var width = 0, height = 0, channelCount = 0
  }

  /// All findings about a concept: errors first.
  public func findings(of folder: ConceptFolder) -> [ConceptFinding] {
    guard !folder.examples.isEmpty else {
      return [
        finding(folder, .error, .empty, "the folder holds no examples; add at least \(Self.enoughExamples)")
      ]
    }
    let examples = folder.examples.map { Self.read($0, in: folder) }
    let all =
      problems(folder, examples) + counts(folder, examples) + copies(folder, examples)
      + poolCopies(folder, examples) + sizes(folder, examples)
    return all.filter { $0.severity == .error } + all.filter { $0.severity == .warning }
  }

  /// Reads one file. Images are decoded; of arrays, tables and texts only the bytes are compared.
  private static func read(_ name: String, in folder: ConceptFolder) -> Example {
    var example = Example(name: name)
    let path = folder.path + "/" + name
    do {
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
      guard size <= ImageFile.byteLimit else {
        example.problem = "\(name): \(size) bytes are over the limit of \(ImageFile.byteLimit)"
        return example
      }
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      example.digest = data.withUnsafeBytes { SHA256.hexadecimal(of: $0) }
      guard ImageFile.isImage(name) else { return example }
      let image = try ImageFile.decode([UInt8](data), name: name)
      (example.width, example.height, example.channelCount) = (image.width, image.height, image.channelCount)
      example.fingerprint = ImageFingerprint(of: image)
    } catch let error as any NoemaError {
      example.problem = error.description
    } catch {
      example.problem = "\(name): cannot be opened (\(error.localizedDescription))"
    }
    return example
  }

  private func finding(
    _ folder: ConceptFolder, _ severity: ConceptFinding.Severity, _ kind: ConceptFinding.Kind,
    _ message: String,
    _ files: [String] = []
  ) -> ConceptFinding {
    ConceptFinding(
      concept: folder.manifest.name, severity: severity, kind: kind, message: message, files: files)
  }

  private func problems(_ folder: ConceptFolder, _ examples: [Example]) -> [ConceptFinding] {
    examples.compactMap { example in
      example.problem.map { finding(folder, .error, .unreadable, $0, [example.name]) }
    }
  }

  private func counts(_ folder: ConceptFolder, _ examples: [Example]) -> [ConceptFinding] {
    var result: [ConceptFinding] = []
    let different = Set(examples.filter { $0.problem == nil }.compactMap(\.digest)).count
    if different < Self.enoughExamples {
      let isError = different < Self.fewestExamples
      let needed =
        isError ? "at least \(Self.fewestExamples) are needed" : "\(Self.enoughExamples) or more are better"
      let text =
        "\(different) different readable example\(different == 1 ? "" : "s"); \(needed), so add examples"
      result.append(finding(folder, isError ? .error : .warning, .tooFew, text))
    }
    if let count = folder.manifest.count, count != examples.count {
      let text =
        "found \(examples.count) examples, \(ConceptManifest.fileName) says \(count); correct one of them"
      result.append(finding(folder, .warning, .manifestMismatch, text))
    }
    return result
  }

  private func copies(_ folder: ConceptFolder, _ examples: [Example]) -> [ConceptFinding] {
    var result: [ConceptFinding] = []
    let known = examples.filter { $0.digest != nil }
    let groups = Dictionary(grouping: known, by: { $0.digest! }).values.map { $0.map(\.name) }
    for names in groups.filter({ $0.count > 1 }).sorted(by: { $0[0] < $1[0] }) {
      let text = "\(names.joined(separator: ", ")) are the same file; keep one"
      result.append(finding(folder, .warning, .duplicate, text, names))
    }
    for (index, a) in known.enumerated() {
      guard let print = a.fingerprint else { continue }
      for b in known[(index + 1)...] where a.digest != b.digest {
        guard let other = b.fingerprint, print.isNear(other, threshold: nearThreshold) else { continue }
        let text = "\(a.name) and \(b.name) look the same; keep one"
        result.append(finding(folder, .warning, .nearDuplicate, text, [a.name, b.name]))
      }
    }
    return result
  }

  private func poolCopies(_ folder: ConceptFolder, _ examples: [Example]) -> [ConceptFinding] {
    var result: [ConceptFinding] = []
    for example in examples {
      guard let digest = example.digest else { continue }
      if let same = pool.first(where: { $0.digest == digest }) {
        let text = "\(example.name) is also in the random pool as \(same.name); remove it there"
        result.append(finding(folder, .error, .inRandomPool, text, [example.name]))
      } else if let print = example.fingerprint,
        let near = pool.first(where: {
          $0.fingerprint.map { print.isNear($0, threshold: nearThreshold) } ?? false
        })
      {
        let text = "\(example.name) looks like \(near.name) of the random pool; remove that one"
        result.append(finding(folder, .warning, .inRandomPool, text, [example.name]))
      }
    }
    return result
  }

  private func sizes(_ folder: ConceptFolder, _ examples: [Example]) -> [ConceptFinding] {
    let images = examples.filter { $0.fingerprint != nil }
    var result: [ConceptFinding] = []
    let forms = Dictionary(grouping: images) { "\($0.width)×\($0.height)×\($0.channelCount)" }
    let ordered = forms.sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }
    if ordered.count > 1 {
      let list = ordered.prefix(4).map { "\($0.value.count) of \($0.key)" }.joined(separator: ", ")
      let rest = ordered.count > 4 ? ", …" : ""
      let text = "mixed sizes (\(list)\(rest)): examples will be scaled differently; use one size"
      let odd = ordered.dropFirst().flatMap(\.value).map(\.name).sorted()
      result.append(finding(folder, .warning, .mixedSizes, text, odd))
    }
    if let size = folder.manifest.size {
      let wrong = images.filter { $0.width != size || $0.height != size }.map(\.name)
      if !wrong.isEmpty {
        let text = "\(wrong.count) images are not \(size)×\(size) as \(ConceptManifest.fileName) says"
        result.append(finding(folder, .warning, .manifestMismatch, text, wrong))
      }
    }
    if let modelSize {
      let small = images.filter { min($0.width, $0.height) < modelSize }.map(\.name)
      if !small.isEmpty {
        let text =
          "\(small.count) images are smaller than the model's \(modelSize)×\(modelSize) and would be blurred; "
          + (folder.manifest.generator == nil
            ? "use larger ones" : "generate them again with --size \(modelSize)")
        result.append(finding(folder, .warning, .tooSmall, text, small))
      }
    }
    return result
  }
}
