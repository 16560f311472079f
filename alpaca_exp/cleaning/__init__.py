"""What makes one data set into another: cleaning rules, a critic, new answers, subsets."""
