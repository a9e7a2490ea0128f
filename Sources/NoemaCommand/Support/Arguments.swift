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
