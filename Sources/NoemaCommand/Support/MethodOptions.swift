public import ArgumentParser
internal import Foundation
internal import Noema
public import NoemaAttribution

// The names that result files use are the names of the flags.
extension AttendingToken: ExpressibleByArgument {}
extension HeadFusion: ExpressibleByArgument {}

/// What attribution methods may be told.
struct MethodOptions: ParsableArguments {
  @Option(help: "Points of the path of integrated gradients.") var steps = 50
  @Option(help: "Where the points of that path lie, and what they weigh.") var rule =
    IntegratedGradients.Rule.gaussLegendre
  @Option(
    parsing: .unconditional,
    help:
      "The reference input: a value for every element, or a .npy file of one example, .npz for several inputs."
  )
  var baseline = "0"
  @Option(help: "A .npy file of reference inputs, examples first; .npz for several inputs.")
  var references: String?
  @Option(help: "Noisy copies, draws, masks or coalitions; the method's own number by default.") var samples:
    Int?
  @Option(help: "The deviation of noise, as a share of an input's range.") var noise = 0.15
  @Option(help: "The seed of random numbers.") var seed: UInt64 = 0
  @Option(help: "ε of lrp-epsilon.") var epsilon = 1e-6
  @Option(help: "γ of lrp-gamma and lrp-epsilon-gamma-box.") var gamma = 0.25
  @Option(
    parsing: .unconditional,
    help: """
      The lowest value of inputs as the network receives them, for lrp-epsilon-gamma-box: one number, or one for each \
      channel with commas between. Inputs below it are refused.
      """)
  var low: String?
  @Option(parsing: .unconditional, help: "The highest value, in the same way.") var high: String?
  @Option(help: "Extents of the windows of occlusion over the last axes, as 1x4x4 or 8x8.") var window:
    String?
  @Option(help: "Strides of these windows, likewise.") var stride: String?
  @Option(help: "A .npy file with the number of each element's group, shaped like one example.") var groups:
    String?
  @Option(help: "A YAML file with rules: those of lrp, and of concept-relevance and channel-relevance.")
  var composite: String?
  @OptionGroup var concepts: ConceptOptions
  @Option(help: "The token whose attention is read.") var attending =
    AttendingToken.classToken
  @Option(help: "How the heads of attention become one.") var heads = HeadFusion.mean
  @Flag(
    inversion: .prefixedNo, help: "Let extremal-perturbation see each image mirrored in every other step.")
  var mirror = true

  func validate() throws {
    if steps < 1 { throw ValidationError("--steps must be positive, found \(steps).") }
    if let value = Float(baseline), !value.isFinite {
      throw ValidationError("--baseline must be a finite number, found \(baseline).")
    }
    if let samples, samples < 1 { throw ValidationError("--samples must be positive, found \(samples).") }
  }

  /// The settings as methods take them.
  ///
  /// - Parameters:
  ///   - names: the values that receive attributions.
  ///   - model: the network, in which concepts are looked for.
  func settings(_ names: [String], _ model: LoadedModel) throws -> MethodSettings {
    var settings = MethodSettings()
    (settings.steps, settings.rule, settings.samples, settings.noise) = (steps, rule, samples, noise)
    (settings.seed, settings.epsilon, settings.gamma) = (seed, epsilon, gamma)
    if let value = Float(baseline) {
      settings.baseline = .constant(value)
    } else {
      guard baseline.hasSuffix(".npy") || baseline.hasSuffix(".npz") else {
        throw ValidationError("--baseline expects a number or a .npy file, found '\(baseline)'.")
      }
      settings.baseline = .tensors(try arrays(baseline, names))
    }
    if let references { settings.references = try arrays(references, names) }
    settings.window = try extents(window, "--window")
    settings.stride = try extents(stride, "--stride")
    if let groups { settings.groups = try arrays(groups, names) }
    if let composite { settings.composite = try Composite(path: composite) }
    settings.concepts = try concepts.conditions(model)
    settings.excludesParallel = !concepts.withParallel
    (settings.attending, settings.heads, settings.mirrors) = (attending, heads, mirror)
    settings.low = try numbers(low, "--low")
    settings.high = try numbers(high, "--high")
    return settings
  }

  /// The array of a `.npy` file, or those of a `.npz` file that bear the names.
  private func arrays(_ path: String, _ names: [String]) throws -> [Tensor] {
    guard path.lowercased().hasSuffix(".npz") else { return [try NPYFile.read(path)] }
    let archive = try NPZFile(path: path)
    return try names.map { try archive.array(named: $0) }
  }

  /// The settings that a result records.
  var record: [String: String] {
    var record = [
      "steps": String(steps), "rule": rule.rawValue, "baseline": baseline, "noise": String(noise),
      "seed": String(seed), "epsilon": String(epsilon), "gamma": String(gamma),
      "attending": attending.rawValue, "heads": heads.rawValue, "mirror": String(mirror),
    ]
    let given = [
      ("samples", samples.map { String($0) }), ("low", low), ("high", high), ("window", window),
      ("stride", stride), ("references", references), ("groups", groups), ("composite", composite),
    ]
    for (name, value) in given + concepts.record { record[name] = value }
    return record
  }

  /// What attributions depend on among the settings, the contents of files included.
  func fingerprint() throws -> String {
    let files = [Float(baseline) == nil ? baseline : nil, references, groups, composite].compactMap { $0 }
    let hashes = try (files + concepts.files()).map { path in
      guard let bytes = FileManager.default.contents(atPath: path) else {
        throw DataError(.missingFile, at: path)
      }
      return bytes.withUnsafeBytes { SHA256.hexadecimal(of: $0) }
    }
    return (record.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } + hashes).joined(separator: " ")
  }

  private func extents(_ text: String?, _ flag: String) throws -> [Int] {
    guard let text else { return [] }
    let values = text.split(separator: "x").map { Int($0) }
    guard !values.isEmpty, values.allSatisfy({ $0 ?? 0 > 0 }) else {
      throw ValidationError("\(flag) expects positive numbers with x between, as 8x8, found '\(text)'.")
    }
    return values.map { $0! }
  }

  private func numbers(_ text: String?, _ flag: String) throws -> [Double] {
    guard let text else { return [] }
    let values = text.split(separator: ",").map { Double($0) }
    guard !values.isEmpty, values.allSatisfy({ $0?.isFinite ?? false }) else {
      throw ValidationError("\(flag) expects numbers with commas between, found '\(text)'.")
    }
    return values.map { $0! }
  }
}
