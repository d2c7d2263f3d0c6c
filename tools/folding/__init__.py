"""What the engines that predict structures share: the text of a complex, alignments, results, panels."""
