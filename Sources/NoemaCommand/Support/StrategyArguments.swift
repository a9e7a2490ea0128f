public import ArgumentParser
public import NoemaConcepts

// The names that result files use are the names of the flags.
extension RelevancePreprocessing.Channels: ExpressibleByArgument {}
extension RelevancePreprocessing.Sign: ExpressibleByArgument {}
extension RelevancePreprocessing.Normalisation: ExpressibleByArgument {}
extension MapAlignment: ExpressibleByArgument {}
extension SpectralEmbedding.Laplacian: ExpressibleByArgument {}
extension Agglomerative.Linkage: ExpressibleByArgument {}
extension GaussianMixture.Shape: ExpressibleByArgument {}
extension SpRAY.LayoutSource: ExpressibleByArgument {}
