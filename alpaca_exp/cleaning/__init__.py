"""The executable cleaning rules, the critic, new answers and subsets: what makes one data set into another."""
