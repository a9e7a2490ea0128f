public import ArgumentParser
public import NoemaAttribution
public import NoemaConcepts
public import NoemaTensor

// The names that result files use are the names of the flags.
extension IntegratedGradients.Rule: ExpressibleByArgument {}
extension OutputScale: ExpressibleByArgument {}
extension Pooling: ExpressibleByArgument {}
extension MultipleTesting: ExpressibleByArgument {}
extension ProbeKind: ExpressibleByArgument {
  public static var allValueStrings: [String] { names }
}
extension ProbeStudy.Family: ExpressibleByArgument {}
extension Similarity.Measure: ExpressibleByArgument {}
extension DictionaryKind: ExpressibleByArgument {}
extension ClusterFilter.Policy: ExpressibleByArgument {}
extension ExampleLayout.Kind: ExpressibleByArgument {}
extension PatchCutter.Fit: ExpressibleByArgument {
  public init?(argument: String) { self.init(rawValue: argument == "in-place" ? "inPlace" : argument) }
  public static var allValueStrings: [String] { ["stretch", "letterbox", "in-place"] }
}
